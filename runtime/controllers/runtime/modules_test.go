package runtime_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/akmon-os/akmon/runtime/controllers/ctest"
	ctrl "github.com/akmon-os/akmon/runtime/controllers/runtime"
	"github.com/akmon-os/akmon/runtime/modules"
	"github.com/akmon-os/akmon/runtime/resources/config"
	"github.com/akmon-os/akmon/runtime/resources/runtime"
)

// loader is a kernel that has a module of the same name for each alias.
type loader struct {
	mu     sync.Mutex
	loaded []modules.Loaded
	params map[string][]string
}

func (l *loader) add(name string, params []string) {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.params[name] = params
	l.loaded = append(l.loaded, modules.Loaded{Name: name, Size: 1, State: "Live"})
}

func (l *loader) Load(_ context.Context, names ...string) error {
	var err error

	for _, n := range names {
		if n == "pci:bad" {
			err = errors.New("no") // must not keep the controller from going on

			continue
		}

		l.add(strings.TrimPrefix(n, "pci:"), nil)
	}

	return err
}

func (l *loader) LoadWith(name string, params []string) error {
	l.add(name, params)

	return nil
}

func (l *loader) list() ([]modules.Loaded, error) {
	l.mu.Lock()
	defer l.mu.Unlock()

	return slices.Clone(l.loaded), nil
}

func TestKernelModules(t *testing.T) {
	l := &loader{params: map[string][]string{}}
	events := make(chan func([]string), 1)

	st := ctest.Start(t, &ctrl.KernelModuleConfigController{}, &ctrl.KernelModuleController{
		Loader: l, Loaded: l.list,
		Watch: func(ctx context.Context, found func([]string)) error {
			found([]string{"pci:cold"})
			events <- found
			<-ctx.Done()

			return nil
		},
	})

	there := func(name string) {
		t.Helper()
		ctest.Wait(t, st, runtime.NewLoadedKernelModule(name), func(r *runtime.LoadedKernelModule) bool { return r.TypedSpec().State == "Live" })
	}

	there("cold")

	found := <-events
	found([]string{"pci:bad"})
	found([]string{"pci:hot"})
	there("hot")

	if err := st.Create(t.Context(), config.NewMachineConfig([]byte(
		"version: v1alpha1\nmachine:\n  type: worker\n  kernel:\n    modules:\n      - name: dummy\n        parameters: [numdummies=2]\n"))); err != nil {
		t.Fatal(err)
	}

	there("dummy")

	l.mu.Lock()
	defer l.mu.Unlock()

	if !slices.Equal(l.params["dummy"], []string{"numdummies=2"}) {
		t.Errorf("parameters %q", l.params["dummy"])
	}
}
