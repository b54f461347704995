// Package uevent listens to what the kernel says of its devices: messages on
// the netlink family KOBJECT_UEVENT, as lib/kobject_uevent.c writes them. Those
// of other senders on the same family (udev's own) are not heard.
package uevent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"
)

// Event is one message.
type Event struct {
	// Action is what happened: add, remove, change, move, online, offline, bind,
	// unbind.
	Action string
	// Path of the device below /sys.
	Path string
	// Values are the message's variables: SUBSYSTEM, DEVNAME, MODALIAS and others.
	Values map[string]string
}

var errMessage = errors.New("not a kernel event")

// Parse reads a message: `ACTION@PATH`, then `NAME=VALUE`, each ended by a zero
// byte.
func Parse(data []byte) (Event, error) {
	head, rest, ok := bytes.Cut(data, []byte{0})
	action, path, at := strings.Cut(string(head), "@")

	if !ok || !at || action == "" || !strings.HasPrefix(path, "/") {
		return Event{}, errMessage
	}

	e := Event{Action: action, Path: path, Values: map[string]string{}}

	for part := range bytes.SplitSeq(rest, []byte{0}) {
		if len(part) == 0 {
			continue
		}

		name, value, ok := strings.Cut(string(part), "=")
		if !ok || name == "" {
			return Event{}, fmt.Errorf("%w: %q is not a variable", errMessage, part)
		}

		e.Values[name] = value
	}

	return e, nil
}

const (
	// kernelGroup is the multicast group of the kernel's own messages.
	kernelGroup = 1
	// bufferSize holds some thousand events, in bytes: at boot they come in floods.
	bufferSize = 4 << 20
	// maxMessage is more than UEVENT_BUFFER_SIZE and the head, in bytes.
	maxMessage = 16 << 10
)

// Listener receives events from the moment it is opened.
type Listener struct{ conn *socket.Conn }

// Open starts to listen. Only processes in the first network namespace hear of
// most devices.
func Open() (*Listener, error) {
	conn, err := socket.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM, unix.NETLINK_KOBJECT_UEVENT, "uevent", nil)
	if err != nil {
		return nil, fmt.Errorf("open kernel event socket: %w", err)
	}

	// Best effort: a smaller buffer only loses more often, which is reported.
	conn.SetReadBuffer(bufferSize) //nolint:errcheck

	if err = conn.Bind(&unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup}); err != nil {
		conn.Close() //nolint:errcheck

		return nil, fmt.Errorf("bind kernel event socket: %w", err)
	}

	return &Listener{conn: conn}, nil
}

// Close ends listening.
func (l *Listener) Close() error { return l.conn.Close() } //nolint:wrapcheck

// ErrLost says that events came faster than they were read, and that some are
// gone: look at the devices anew. The listener can be used on.
var ErrLost = errors.New("kernel events were lost")

// Next waits for an event.
func (l *Listener) Next(ctx context.Context) (Event, error) {
	buf := make([]byte, maxMessage)

	for {
		n, from, err := l.conn.Recvfrom(ctx, buf, 0)

		switch {
		case errors.Is(err, unix.ENOBUFS):
			return Event{}, ErrLost
		case err != nil:
			return Event{}, fmt.Errorf("receive kernel event: %w", err)
		}

		// Port 0 is the kernel; nobody else can send from it.
		if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 {
			continue
		}

		if e, err := Parse(buf[:n]); err == nil {
			return e, nil
		}
	}
}
