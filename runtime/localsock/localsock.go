// Package localsock makes the Unix sockets between the processes of a machine.
// Who may open one is decided twice: by the directory's mode and owner, and by
// the kernel's word on who connects (SO_PEERCRED).
package localsock

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// Listen makes a socket at path that only the users in uids may use; the first
// owns its directory. An old socket is replaced. A process that is not root
// leaves the ownership as it is.
func Listen(path string, uids ...int) (net.Listener, error) {
	dir := filepath.Dir(path)

	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make socket directory: %w", err)
	}

	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove old socket: %w", err)
	}

	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}

	if os.Getuid() == 0 && len(uids) > 0 {
		for _, p := range []string{dir, path} {
			if err := os.Chown(p, uids[0], uids[0]); err != nil {
				l.Close() //nolint:errcheck

				return nil, fmt.Errorf("give socket away: %w", err)
			}
		}
	}

	return &listener{Listener: l, uids: append(uids, os.Getuid())}, nil
}

type listener struct {
	net.Listener

	uids []int
}

// Accept closes connections of users who may not connect and waits for the next.
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}

		uid, err := peer(conn)
		if err == nil && slices.Contains(l.uids, uid) {
			return conn, nil
		}

		conn.Close() //nolint:errcheck
	}
}

var errNotUnix = errors.New("not a Unix socket")

func peer(conn net.Conn) (int, error) {
	uc, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, errNotUnix
	}

	raw, err := uc.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("get peer: %w", err)
	}

	var (
		cred *unix.Ucred
		cerr error
	)

	if err = raw.Control(func(fd uintptr) { cred, cerr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return 0, fmt.Errorf("get peer: %w", err)
	}

	if cerr != nil {
		return 0, fmt.Errorf("get peer: %w", cerr)
	}

	return int(cred.Uid), nil
}
