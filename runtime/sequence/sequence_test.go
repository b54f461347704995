package sequence_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"

	"github.com/akmon-os/akmon/runtime/events"
	"github.com/akmon-os/akmon/runtime/sequence"
)

func TestRun(t *testing.T) {
	var (
		mu  sync.Mutex
		ran []string
	)

	task := func(name string, err error) sequence.Task {
		return sequence.Task{Name: name, Run: func(context.Context) error {
			mu.Lock()
			defer mu.Unlock()

			ran = append(ran, name)

			if name == "panic" {
				panic("oh")
			}

			return err
		}}
	}

	for name, tc := range map[string]struct {
		phases []sequence.Phase
		ran    []string
		err    string
	}{
		"in order": {[]sequence.Phase{{Name: "1", Tasks: []sequence.Task{task("a", nil)}}, {Name: "2", Tasks: []sequence.Task{task("b", nil)}}}, []string{"a", "b"}, ""},
		"stops":    {[]sequence.Phase{{Name: "1", Tasks: []sequence.Task{task("a", errors.New("no"))}}, {Name: "2", Tasks: []sequence.Task{task("b", nil)}}}, []string{"a"}, "phase 1: task a: no"},
		"goes on":  {[]sequence.Phase{{Name: "1", Optional: true, Tasks: []sequence.Task{task("panic", nil)}}, {Name: "2", Tasks: []sequence.Task{task("b", nil)}}}, []string{"b", "panic"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ran = nil
			stream := events.NewStream()

			err := sequence.Runner{Events: stream, Logger: zap.NewNop()}.Run(events.WithActor(t.Context(), "me"), "boot", tc.phases)
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("error %v", err)
			}

			slices.Sort(ran)

			if !slices.Equal(ran, tc.ran) {
				t.Errorf("ran %v", ran)
			}

			var last machine.SequenceEvent

			stream.Watch(t.Context(), events.Options{TailEvents: 1, ActorID: "me"}, func(e events.Event) error { //nolint:errcheck
				if err := proto.Unmarshal(e.Payload.GetValue(), &last); err != nil {
					t.Error(err)
				}

				return context.Canceled
			})

			if (last.GetError() != nil) != (tc.err != "") {
				t.Errorf("last event %v", &last)
			}
		})
	}
}
