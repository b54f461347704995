// Package events is the machine's event stream: what happened, in order, with a
// short history, for any number of watchers.
package events

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
)

// History is how many events are kept for watchers that look back.
const History = 512

// typePrefix stands before the message name in the type URL, as documented
// clients expect.
const typePrefix = "talos/runtime/"

// Event is one event.
type Event struct {
	// ID sorts by time and is unique on the machine.
	ID      string
	Time    time.Time
	ActorID string
	Payload *anypb.Any
}

// Proto is the event on the wire.
func (e Event) Proto() *machine.Event {
	return &machine.Event{Data: e.Payload, Id: e.ID, ActorId: e.ActorID}
}

// Stream is an event stream. It is safe for concurrent use.
type Stream struct {
	mu     sync.Mutex
	events []Event
	// first is the number of events[0] since the start.
	first   uint64
	changed chan struct{}
	node    [5]byte
}

// NewStream makes an empty stream.
func NewStream() *Stream {
	s := &Stream{changed: make(chan struct{})}
	rand.Read(s.node[:]) //nolint:errcheck // never fails

	return s
}

type actorKey struct{}

// WithActor marks what is done with ctx as done for the call with that actor ID.
func WithActor(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, actorKey{}, id)
}

// Actor returns the actor ID of ctx, or "".
func Actor(ctx context.Context) string {
	id, _ := ctx.Value(actorKey{}).(string)

	return id
}

// Publish adds an event. Watchers that are slow lose the oldest, never the
// publisher's time.
func (s *Stream) Publish(ctx context.Context, msg proto.Message) {
	value, err := proto.Marshal(msg)
	if err != nil {
		return // the messages are ours; one that can't be encoded has nothing to say
	}

	payload := &anypb.Any{TypeUrl: typePrefix + string(msg.ProtoReflect().Descriptor().FullName()), Value: value}

	s.mu.Lock()
	defer s.mu.Unlock()

	now := time.Now()
	s.events = append(s.events, Event{ID: s.id(now, s.first+uint64(len(s.events))), Time: now, ActorID: Actor(ctx), Payload: payload})

	if over := len(s.events) - History; over > 0 {
		s.events = slices.Delete(s.events, 0, over)
		s.first += uint64(over)
	}

	close(s.changed)
	s.changed = make(chan struct{})
}

// id is 4 bytes of time, 5 of node, 3 of count in base32hex: 20 characters that
// sort as the events do.
func (s *Stream) id(now time.Time, n uint64) string {
	var b [12]byte

	binary.BigEndian.PutUint32(b[:], uint32(now.Unix()))
	copy(b[4:], s.node[:])
	b[9], b[10], b[11] = byte(n>>16), byte(n>>8), byte(n)

	return base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding).EncodeToString(b[:])
}

// NewActorID makes an ID for the actor of a call.
func NewActorID() string {
	var b [16]byte

	rand.Read(b[:]) //nolint:errcheck // never fails

	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // RFC 9562, version 4

	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Options choose the events of a watch. Of the three ways to look back the
// first that is set counts: after an ID, by count (negative is all), by age.
type Options struct {
	TailID       string
	TailEvents   int
	TailDuration time.Duration
	// ActorID, when set, selects the events of one call.
	ActorID string
}

// Watch calls fn with the chosen events of the past and then with every new one,
// until fn fails or ctx ends, which is no error.
func (s *Stream) Watch(ctx context.Context, opts Options, fn func(Event) error) error {
	next := s.position(opts)

	for {
		s.mu.Lock()
		next = max(next, s.first)
		batch := slices.Clone(s.events[min(next-s.first, uint64(len(s.events))):])
		changed := s.changed
		s.mu.Unlock()

		for _, e := range batch {
			next++

			if opts.ActorID != "" && e.ActorID != opts.ActorID {
				continue
			}

			if err := fn(e); err != nil {
				return err
			}
		}

		if len(batch) > 0 {
			continue
		}

		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

func (s *Stream) position(opts Options) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()

	end := s.first + uint64(len(s.events))

	switch {
	case opts.TailID != "":
		for i, e := range s.events {
			if e.ID > opts.TailID {
				return s.first + uint64(i)
			}
		}

		return end
	case opts.TailEvents < 0:
		return s.first
	case opts.TailEvents > 0:
		return end - min(uint64(opts.TailEvents), uint64(len(s.events)))
	case opts.TailDuration > 0:
		for i, e := range s.events {
			if time.Since(e.Time) <= opts.TailDuration {
				return s.first + uint64(i)
			}
		}
	}

	return end
}
