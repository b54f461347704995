// Package registry ties a resource's Go types to the two places that must know
// them before the first one is written: the state, which keeps a definition
// per type (name, aliases, print columns, sensitivity), and the wire encoder.
package registry

import (
	"context"
	"fmt"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/resource/protobuf"
	"github.com/cosi-project/runtime/pkg/resource/typed"
	"github.com/cosi-project/runtime/pkg/state"
	coreregistry "github.com/cosi-project/runtime/pkg/state/registry"
)

// Entry is one resource type, ready to be registered.
type Entry struct {
	// Resource is an empty resource of the type; it carries the definition.
	Resource meta.ResourceWithRD

	encode func() error
}

// Of makes the entry for a typed resource with spec T and extension E. T's
// fields need `protobuf:"N"` tags: the numbers are those of the published
// message of the same name, so that typed clients decode it.
func Of[T typed.DeepCopyable[T], E typed.Extension]() Entry {
	return Entry{
		Resource: &typed.Resource[T, E]{},
		encode: func() error {
			var e E

			return protobuf.RegisterDynamic[T](e.ResourceDefinition().Type, &typed.Resource[T, E]{})
		},
	}
}

// Static makes the entry for a resource that encodes itself; register is called
// once per process.
func Static(r meta.ResourceWithRD, register func() error) Entry {
	return Entry{Resource: r, encode: register}
}

// Type returns the resource type of the entry.
func (e Entry) Type() resource.Type { return e.Resource.ResourceDefinition().Type }

// RegisterEncoders makes the entries known to the wire encoder, which is global
// to the process: call it once.
func RegisterEncoders(entries []Entry) error {
	for _, e := range entries {
		if err := e.encode(); err != nil {
			return fmt.Errorf("register encoder of %s: %w", e.Type(), err)
		}
	}

	return nil
}

// RegisterDefinitions writes the definitions of the entries, and of namespaces
// and definitions themselves, into a state.
func RegisterDefinitions(ctx context.Context, st state.State, entries []Entry) error {
	reg := coreregistry.NewResourceRegistry(st)

	if err := reg.RegisterDefault(ctx); err != nil {
		return fmt.Errorf("register built-in resource types: %w", err)
	}

	for _, e := range entries {
		if err := reg.Register(ctx, e.Resource); err != nil {
			return fmt.Errorf("register resource type %s: %w", e.Type(), err)
		}
	}

	return nil
}
