package network

import (
	"context"
	"fmt"

	"github.com/cosi-project/runtime/pkg/controller"
	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/typed"
	"github.com/cosi-project/runtime/pkg/safe"
	"go.uber.org/zap"

	"github.com/akmon-os/akmon/runtime/controllers/base"
	"github.com/akmon-os/akmon/runtime/resources/network"
)

// merge chooses, among the wishes for the same thing, that of the highest layer;
// in one layer the first by ID, so that the choice never flaps.
type merge[T typed.DeepCopyable[T], E typed.Extension] struct {
	name  string
	typ   resource.Type
	make  func(resource.Namespace, resource.ID) *typed.Resource[T, E]
	id    func(*T) resource.ID
	layer func(*T) network.ConfigLayer
}

func newMerge[T typed.DeepCopyable[T], E typed.Extension](
	name string, typ resource.Type, mk func(resource.Namespace, resource.ID) *typed.Resource[T, E],
	id func(*T) resource.ID, layer func(*T) network.ConfigLayer,
) *merge[T, E] {
	return &merge[T, E]{name: name, typ: typ, make: mk, id: id, layer: layer}
}

// Name implements controller.Controller.
func (m *merge[T, E]) Name() string { return m.name }

// Inputs implements controller.Controller.
func (m *merge[T, E]) Inputs() []controller.Input {
	return []controller.Input{base.Weak(network.ConfigNamespace, m.typ)}
}

// Outputs implements controller.Controller. The output is shared with the
// controllers that make wishes, which are of the same type.
func (m *merge[T, E]) Outputs() []controller.Output { return base.Shared(m.typ) }

// Run implements controller.Controller.
func (m *merge[T, E]) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	return base.Each(ctx, r, func() error {
		wishes, err := safe.ReaderList[*typed.Resource[T, E]](ctx, r, base.Kind(network.ConfigNamespace, m.typ))
		if err != nil {
			return fmt.Errorf("list %s: %w", m.typ, err)
		}

		chosen := map[resource.ID]*typed.Resource[T, E]{}

		for w := range wishes.All() { // sorted by ID
			if w.Metadata().Phase() != resource.PhaseRunning {
				continue
			}

			id := m.id(w.TypedSpec())
			if best, ok := chosen[id]; !ok || m.layer(w.TypedSpec()) > m.layer(best.TypedSpec()) {
				chosen[id] = w
			}
		}

		for id, w := range chosen {
			err := safe.WriterModify(ctx, r, m.make(network.Namespace, id), func(out *typed.Resource[T, E]) error {
				*out.TypedSpec() = (*w.TypedSpec()).DeepCopy()

				return nil
			})
			if err != nil {
				return fmt.Errorf("write %s %s: %w", m.typ, id, err)
			}
		}

		return nil
	}, base.Kind(network.Namespace, m.typ))
}
