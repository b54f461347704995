package qemu

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/akmon-os/akmon/test/bench/console"
)

// ended is a machine that wrote the text to its console and ended.
func ended(text string) *VM {
	vm := &VM{events: make(chan Event, 16), done: make(chan struct{}), err: errors.New("exit status 7")}
	vm.read(bufio.NewReader(strings.NewReader(text)))
	close(vm.events)
	close(vm.done)

	return vm
}

func TestUntil(t *testing.T) {
	text := "firmware\r\n[    0.000000] Linux version 6\r\n[    1.000000] Run /init as init process\r\n" +
		"[    1.500000] [akmon] info one\r\n[    2.000000] [akmon] info two\r\n" +
		"[    3.000000] [akmon] info it is in maintenance mode\r\n[    4.000000] without an end"

	events, err := ended(text).Until(t.Context(), console.Listening)
	if err != nil {
		t.Fatal(err)
	}

	for kind, want := range map[console.Event]time.Duration{
		console.Kernel: 0, console.Init: time.Second, console.Machined: 1500 * time.Millisecond, console.Listening: 3 * time.Second,
	} {
		if e, ok := events[kind]; !ok || e.At != want || e.Seen.IsZero() {
			t.Errorf("event %d: %+v, want it at %s", kind, e, want)
		}
	}

	_, err = ended(text).Until(t.Context(), console.Plain)
	if err == nil || !strings.Contains(err.Error(), "exit status 7") || !strings.Contains(err.Error(), "without an end") {
		t.Errorf("a machine that ended: %v", err)
	}
}

func TestUntilCancelled(t *testing.T) {
	vm := &VM{events: make(chan Event), done: make(chan struct{})}

	for i := range 2 * keep {
		vm.note(fmt.Sprintf("line %d", i))
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	_, err := vm.Until(ctx, console.Plain)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "line 59") || strings.Contains(err.Error(), "line 29\n") {
		t.Errorf("cancelled: %v", err)
	}
}
