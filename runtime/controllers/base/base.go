// Package base holds what controllers of all domains share.
package base

import (
	"context"

	"github.com/cosi-project/runtime/pkg/controller"
	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/siderolabs/gen/optional"
)

// Weak is an input of every resource of a type in a namespace.
func Weak(ns resource.Namespace, typ resource.Type) controller.Input {
	return controller.Input{Namespace: ns, Type: typ, Kind: controller.InputWeak}
}

// WeakID is an input of one resource.
func WeakID(ns resource.Namespace, typ resource.Type, id resource.ID) controller.Input {
	in := Weak(ns, typ)
	in.ID = optional.Some(id)

	return in
}

// Exclusive lists the output of a controller that alone makes a type.
func Exclusive(types ...resource.Type) []controller.Output {
	out := make([]controller.Output, 0, len(types))
	for _, t := range types {
		out = append(out, controller.Output{Type: t, Kind: controller.OutputExclusive})
	}

	return out
}

// Shared lists outputs of types that other controllers make too.
func Shared(types ...resource.Type) []controller.Output {
	out := make([]controller.Output, 0, len(types))
	for _, t := range types {
		out = append(out, controller.Output{Type: t, Kind: controller.OutputShared})
	}

	return out
}

// Kind names all resources of a type in a namespace.
func Kind(ns resource.Namespace, typ resource.Type) resource.Kind {
	return resource.NewMetadata(ns, typ, "", resource.VersionUndefined)
}

// Each waits for changes and calls reconcile for each, with outputs tracked:
// those of the kinds that reconcile does not write are destroyed after it.
func Each(ctx context.Context, r controller.Runtime, reconcile func() error, outputs ...resource.Kind) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.EventCh():
		}

		if len(outputs) > 0 {
			r.StartTrackingOutputs()
		}

		if err := reconcile(); err != nil {
			return err
		}

		if len(outputs) > 0 {
			if err := r.CleanupOutputs(ctx, outputs...); err != nil {
				return err
			}
		}

		r.ResetRestartBackoff()
	}
}
