package events_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"

	"github.com/akmon-os/akmon/runtime/events"
)

var errEnough = errors.New("enough")

func names(t *testing.T, s *events.Stream, n int, opts events.Options) []string {
	t.Helper()

	var out []string

	err := s.Watch(t.Context(), opts, func(e events.Event) error {
		var m machine.TaskEvent

		if e.Payload.GetTypeUrl() != "talos/runtime/machine.TaskEvent" {
			t.Errorf("type %q", e.Payload.GetTypeUrl())
		}

		if err := proto.Unmarshal(e.Payload.GetValue(), &m); err != nil {
			t.Error(err)
		}

		out = append(out, m.GetTask())
		if len(out) == n {
			return errEnough
		}

		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Error(err)
	}

	return out
}

func TestHistory(t *testing.T) {
	s := events.NewStream()
	actor := events.WithActor(t.Context(), "me")

	for _, e := range []struct {
		ctx  context.Context
		name string
	}{{t.Context(), "a"}, {actor, "b"}, {t.Context(), "c"}, {actor, "d"}} {
		s.Publish(e.ctx, &machine.TaskEvent{Task: e.name})
	}

	var ids []string

	s.Watch(t.Context(), events.Options{TailEvents: -1}, func(e events.Event) error { //nolint:errcheck
		ids = append(ids, e.ID)
		if len(ids) == 4 {
			return errEnough
		}

		return nil
	})

	for _, tc := range []struct {
		opts events.Options
		want []string
	}{
		{events.Options{TailEvents: -1}, []string{"a", "b", "c", "d"}},
		{events.Options{TailEvents: 2}, []string{"c", "d"}},
		{events.Options{TailEvents: 99}, []string{"a", "b", "c", "d"}},
		{events.Options{TailID: ids[1]}, []string{"c", "d"}},
		{events.Options{TailDuration: time.Hour}, []string{"a", "b", "c", "d"}},
		{events.Options{TailEvents: -1, ActorID: "me"}, []string{"b", "d"}},
	} {
		if diff := cmp.Diff(tc.want, names(t, s, len(tc.want), tc.opts)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tc.opts, diff)
		}
	}
}

func TestSlowWatcherLosesTheOldest(t *testing.T) {
	s := events.NewStream()

	for range events.History + 10 {
		s.Publish(t.Context(), &machine.TaskEvent{Task: "x"})
	}

	if got := len(names(t, s, events.History, events.Options{TailEvents: -1})); got != events.History {
		t.Errorf("%d events", got)
	}
}

func TestWatchEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	if err := events.NewStream().Watch(ctx, events.Options{}, func(events.Event) error { return nil }); err != nil {
		t.Error(err)
	}
}
