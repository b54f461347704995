// Package ctest runs controllers over an in-memory state in tests.
package ctest

import (
	"context"
	"testing"

	"github.com/cosi-project/runtime/pkg/controller"
	ctrlruntime "github.com/cosi-project/runtime/pkg/controller/runtime"
	"github.com/cosi-project/runtime/pkg/controller/runtime/options"
	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/state"
	"go.uber.org/zap/zaptest"

	"github.com/akmon-os/akmon/runtime/resources"
)

// Start runs the controllers until the test ends and returns their state.
func Start(t *testing.T, controllers ...controller.Controller) state.State {
	t.Helper()

	st, err := resources.NewState(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	engine, err := ctrlruntime.NewRuntime(st, zaptest.NewLogger(t), options.WithMetrics(false))
	if err != nil {
		t.Fatal(err)
	}

	for _, c := range controllers {
		if err := engine.RegisterController(c); err != nil {
			t.Fatal(err)
		}
	}

	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)

	go func() { done <- engine.Run(ctx) }()

	t.Cleanup(func() {
		cancel()

		if err := <-done; err != nil {
			t.Errorf("controller runtime: %v", err)
		}
	})

	return st
}

// Wait waits until the resource is there and satisfies ok.
func Wait[R resource.Resource](t *testing.T, st state.State, like R, ok func(R) bool) R {
	t.Helper()

	r, err := st.WatchFor(t.Context(), like.Metadata(), state.WithCondition(func(r resource.Resource) (bool, error) {
		typed, is := r.(R)

		return is && ok(typed), nil
	}))
	if err != nil {
		t.Fatalf("wait for %s: %v", like.Metadata(), err)
	}

	return r.(R) //nolint:forcetypeassert,errcheck
}

// Gone waits until the resource is not there.
func Gone(t *testing.T, st state.State, like resource.Resource) {
	t.Helper()

	_, err := st.Get(t.Context(), like.Metadata())
	if state.IsNotFoundError(err) {
		return
	}

	if _, err = st.WatchFor(t.Context(), like.Metadata(), state.WithEventTypes(state.Destroyed)); err != nil {
		t.Fatalf("wait for the end of %s: %v", like.Metadata(), err)
	}
}
