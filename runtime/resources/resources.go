// Package resources gathers every resource type that a machine knows. Types,
// namespaces, IDs, aliases and field numbers are those of the public
// documentation and of the published resource definitions, so that clients
// written for them read ours.
package resources

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/impl/inmem"
	"github.com/cosi-project/runtime/pkg/state/impl/namespaced"

	"github.com/akmon-os/akmon/runtime/resources/config"
	"github.com/akmon-os/akmon/runtime/resources/files"
	"github.com/akmon-os/akmon/runtime/resources/hardware"
	"github.com/akmon-os/akmon/runtime/resources/network"
	"github.com/akmon-os/akmon/runtime/resources/registry"
	"github.com/akmon-os/akmon/runtime/resources/runtime"
	"github.com/akmon-os/akmon/runtime/resources/secrets"
	"github.com/akmon-os/akmon/runtime/resources/v1alpha1"
	"github.com/akmon-os/akmon/runtime/resources/wire"
)

// Entries lists every resource type.
func Entries() []registry.Entry {
	return slices.Concat(
		v1alpha1.Entries(), runtime.Entries(), config.Entries(), network.Entries(),
		files.Entries(), hardware.Entries(), secrets.Entries(),
	)
}

var encoders = sync.OnceValue(func() error {
	wire.Register()

	return registry.RegisterEncoders(Entries())
})

// RegisterEncoders makes all types encodable. It is idempotent and safe for
// concurrent use; NewState calls it.
func RegisterEncoders() error { return encoders() }

// namespaces are described for `get namespaces`.
var namespaces = []struct{ name, description string }{
	{v1alpha1.Namespace, "The machine and its services."},
	{config.Namespace, "The machine configuration."},
	{network.ConfigNamespace, "Network settings as each layer wants them."},
	{network.Namespace, "Network settings as decided, and the state of the network."},
	{files.Namespace, "Files under /etc."},
	{hardware.Namespace, "The machine's hardware."},
	{secrets.Namespace, "Keys and certificates."},
}

// historyCapacity is how many events a type keeps for watches that start in the
// past (-w with a bookmark). Machines change little; 32 keeps memory small.
const historyCapacity = 32

// NewState makes an empty in-memory state with every type registered.
func NewState(ctx context.Context) (state.State, error) {
	if err := RegisterEncoders(); err != nil {
		return nil, err
	}

	build := inmem.NewStateWithOptions(
		inmem.WithHistoryInitialCapacity(8),
		inmem.WithHistoryMaxCapacity(historyCapacity),
		inmem.WithHistoryGap(4),
	)
	st := state.WrapCore(namespaced.NewState(func(ns resource.Namespace) state.CoreState { return build(ns) }))

	if err := registry.RegisterDefinitions(ctx, st, Entries()); err != nil {
		return nil, err
	}

	for _, ns := range namespaces {
		r := meta.NewNamespace(ns.name, meta.NamespaceSpec{Description: ns.description})

		if err := st.Create(ctx, r, state.WithCreateOwner(meta.Owner)); err != nil {
			return nil, fmt.Errorf("create namespace %s: %w", ns.name, err)
		}
	}

	return st, nil
}
