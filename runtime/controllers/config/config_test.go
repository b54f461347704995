package config_test

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cosi-project/runtime/pkg/state"

	"github.com/akmon-os/akmon/runtime/controllers/config"
	"github.com/akmon-os/akmon/runtime/controllers/ctest"
	res "github.com/akmon-os/akmon/runtime/resources/config"
	"github.com/akmon-os/akmon/runtime/resources/network"
	"github.com/akmon-os/akmon/runtime/resources/runtime"
	"github.com/akmon-os/akmon/schemas/machineconfig"
	"github.com/akmon-os/akmon/schemas/machineconfig/generate"
)

type memory struct {
	mu   sync.Mutex
	data []byte
	err  error
}

func (m *memory) Load() ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()

	return m.data, nil
}

func (m *memory) Save(data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()

	if m.err != nil {
		return m.err
	}

	m.data = data

	return nil
}

func valid(t *testing.T) []byte {
	t.Helper()

	b, err := generate.Generate(generate.Input{ClusterName: "test", Endpoint: "https://10.0.0.1:6443", Now: time.Now(), Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}

	data, err := b.ControlPlane.Bytes()
	if err != nil {
		t.Fatal(err)
	}

	return data
}

func none(context.Context) ([]byte, error) { return nil, nil }

func inForce(t *testing.T, st state.State, want []byte) {
	t.Helper()

	ctest.Wait(t, st, res.NewMachineConfig(nil), func(r *res.MachineConfig) bool { return string(r.Data()) == string(want) })
}

func TestFromStore(t *testing.T) {
	data := valid(t)
	st := ctest.Start(t, config.NewAcquireController(config.Options{
		Store: &memory{data: data}, Mode: machineconfig.ModeMetal,
		Fetch: func(context.Context) ([]byte, error) { t.Error("the platform was asked"); return nil, nil },
	}), &config.MachineTypeController{})

	inForce(t, st, data)
	ctest.Wait(t, st, res.NewMachineType(), func(r *res.MachineType) bool { return r.Name() == "controlplane" })
}

func TestFromPlatform(t *testing.T) {
	data, calls := valid(t), 0

	var (
		failures []error
		up       atomic.Bool
	)

	store := &memory{data: []byte("rubbish: [")} // what is stored and broken is as good as nothing
	st := ctest.Start(t, config.NewAcquireController(config.Options{
		Store: store, Mode: machineconfig.ModeMetal, RetryPause: time.Nanosecond, NeedsNetwork: true,
		Failed: func(err error) { failures = append(failures, err) },
		Fetch: func(context.Context) ([]byte, error) {
			if !up.Load() {
				t.Error("the platform was asked without a network")
			}

			switch calls++; calls {
			case 1:
				return nil, errors.New("no route to host")
			case 2:
				return []byte("version: v1alpha1\nmachina: {}\n"), nil
			default:
				return data, nil
			}
		},
	}))

	up.Store(true)

	net := network.NewStatus()
	net.TypedSpec().AddressReady = true

	if err := st.Create(t.Context(), net); err != nil {
		t.Fatal(err)
	}

	inForce(t, st, data)

	if len(failures) != 3 {
		t.Errorf("failures: %v", failures)
	}

	if kept, _ := store.Load(); string(kept) != string(data) { //nolint:errcheck
		t.Error("the platform's configuration was not kept")
	}
}

func TestApply(t *testing.T) {
	store := &memory{}
	ctrl := config.NewAcquireController(config.Options{Store: store, Mode: machineconfig.ModeMetal, Fetch: none, Listen: ":50000"})
	st := ctest.Start(t, ctrl)

	ctest.Wait(t, st, runtime.NewMaintenanceServiceConfig(), func(r *runtime.MaintenanceServiceConfig) bool {
		return r.TypedSpec().ListenAddress == ":50000"
	})

	// What can't be kept is not put in force.
	store.mu.Lock()
	store.err = errors.New("disk full")
	store.mu.Unlock()

	first, second := valid(t), valid(t)
	if err := ctrl.Apply(t.Context(), first); err == nil {
		t.Error("applied what could not be kept")
	}

	if _, err := st.Get(t.Context(), res.NewMachineConfig(nil).Metadata()); !state.IsNotFoundError(err) {
		t.Errorf("in force: %v", err)
	}

	store.mu.Lock()
	store.err = nil
	store.mu.Unlock()

	for _, data := range [][]byte{first, second} {
		if _, err := ctrl.Check(data); err != nil {
			t.Fatal(err)
		}

		if err := ctrl.Apply(t.Context(), data); err != nil {
			t.Fatal(err)
		}

		inForce(t, st, data)
	}

	ctest.Gone(t, st, runtime.NewMaintenanceServiceConfig())
}

func TestCheckWantsAMainDocument(t *testing.T) {
	ctrl := config.NewAcquireController(config.Options{Store: &memory{}, Mode: machineconfig.ModeMetal, Fetch: none})

	for _, text := range []string{"", "apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: a\n", "version: v1alpha1\n"} {
		if _, err := ctrl.Check([]byte(text)); err == nil {
			t.Errorf("%q is valid", text)
		}
	}
}
