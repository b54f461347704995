package maintenance_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/cosi-project/runtime/api/v1alpha1"
	ctrlruntime "github.com/cosi-project/runtime/pkg/controller/runtime"
	"github.com/cosi-project/runtime/pkg/controller/runtime/options"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/api/storage"

	"github.com/akmon-os/akmon/runtime/api"
	"github.com/akmon-os/akmon/runtime/controllers/config"
	"github.com/akmon-os/akmon/runtime/events"
	"github.com/akmon-os/akmon/runtime/logbuf"
	"github.com/akmon-os/akmon/runtime/maintenance"
	"github.com/akmon-os/akmon/runtime/resources"
	resconfig "github.com/akmon-os/akmon/runtime/resources/config"
	"github.com/akmon-os/akmon/runtime/resources/runtime"
	"github.com/akmon-os/akmon/runtime/supervisor"
	"github.com/akmon-os/akmon/schemas/machineconfig"
	"github.com/akmon-os/akmon/schemas/machineconfig/generate"
)

// memory is a config.Store.
type memory struct{ data []byte }

func (m *memory) Load() ([]byte, error)  { return m.data, nil }
func (m *memory) Save(data []byte) error { m.data = data; return nil }

func TestMaintenance(t *testing.T) {
	st, err := resources.NewState(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	store := &memory{}
	acquire := config.NewAcquireController(config.Options{
		Store: store, Mode: machineconfig.ModeContainer, Listen: "127.0.0.1:0",
		Fetch: func(context.Context) ([]byte, error) { return nil, nil },
	})

	started, stopped := make(chan net.Addr, 1), make(chan struct{})
	ctrl := &maintenance.Controller{
		Node: &api.Node{
			State: st, Config: acquire, Persistent: func() bool { return false }, Logger: zap.NewNop(), Logs: logbuf.NewSet(10),
			Events: events.NewStream(), Supervisor: supervisor.New(supervisor.Options{}), Platform: "metal", Mode: "metal",
			Power: func(context.Context, api.Action, bool) { t.Error("the machine went down") },
		},
		Started: func(a net.Addr) { started <- a }, Stopped: func() { close(stopped) },
	}

	engine, err := ctrlruntime.NewRuntime(st, zap.NewNop(), options.WithMetrics(false))
	if err != nil {
		t.Fatal(err)
	}

	if err = engine.RegisterController(acquire); err != nil {
		t.Fatal(err)
	}

	if err = engine.RegisterController(ctrl); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)

	go func() { done <- engine.Run(ctx) }()

	t.Cleanup(func() {
		cancel()
		<-done
	})

	conn, err := grpc.NewClient((<-started).String(), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, //nolint:gosec // as --insecure does
	})))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck

	m, res := machine.NewMachineServiceClient(conn), v1alpha1.NewStateClient(conn)

	if _, err = m.Version(t.Context(), &emptypb.Empty{}); err != nil {
		t.Errorf("version: %v", err)
	}

	get := &v1alpha1.GetRequest{Namespace: string(runtime.Namespace), Type: runtime.MaintenanceServiceConfigType, Id: runtime.MaintenanceServiceConfigID}
	if _, err = res.Get(t.Context(), get); err != nil {
		t.Errorf("get: %v", err)
	}

	_, err = res.Get(t.Context(), &v1alpha1.GetRequest{Namespace: string(resconfig.Namespace), Type: resconfig.MachineConfigType, Id: resconfig.ActiveID})
	if status.Code(err) != codes.PermissionDenied {
		t.Errorf("get of a sensitive type: %v", err)
	}

	for name, call := range map[string]func() error{
		"reboot":   func() error { _, err := m.Reboot(t.Context(), &machine.RebootRequest{}); return err },
		"read":     func() error { return first(m.Read(t.Context(), &machine.ReadRequest{Path: "/etc/hosts"})) },
		"services": func() error { _, err := m.ServiceList(t.Context(), &emptypb.Empty{}); return err },
		"create":   func() error { _, err := res.Create(t.Context(), &v1alpha1.CreateRequest{}); return err },
	} {
		if err := call(); status.Code(err) != codes.PermissionDenied {
			t.Errorf("%s: %v", name, err)
		}
	}

	_, err = storage.NewStorageServiceClient(conn).Disks(t.Context(), &emptypb.Empty{})
	if c := status.Code(err); c != codes.PermissionDenied && c != codes.Unimplemented {
		t.Errorf("a service that is not here: %v", err)
	}

	apply := func(data string, mode machine.ApplyConfigurationRequest_Mode, dry bool) (*machine.ApplyConfigurationResponse, error) {
		return m.ApplyConfiguration(t.Context(), &machine.ApplyConfigurationRequest{Data: []byte(data), Mode: mode, DryRun: dry})
	}

	good := configuration(t)

	for name, tc := range map[string]struct {
		data string
		mode machine.ApplyConfigurationRequest_Mode
		want codes.Code
		text string
	}{
		"misspelt key": {strings.Replace(good, "    type:", "    typ:", 1), machine.ApplyConfigurationRequest_AUTO, codes.InvalidArgument, `unknown key "typ"; did you mean "type"?`},
		"not YAML":     {"\t", machine.ApplyConfigurationRequest_AUTO, codes.InvalidArgument, "nothing was changed"},
		"empty":        {"", machine.ApplyConfigurationRequest_AUTO, codes.InvalidArgument, "nothing was changed"},
		"staged":       {good, machine.ApplyConfigurationRequest_STAGED, codes.Unimplemented, "auto, no-reboot or reboot"},
		"reboot":       {good, machine.ApplyConfigurationRequest_REBOOT, codes.FailedPrecondition, "no disk"},
	} {
		if _, err := apply(tc.data, tc.mode, false); status.Code(err) != tc.want || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v", name, err)
		}
	}

	if _, err = apply(good, machine.ApplyConfigurationRequest_AUTO, true); err != nil {
		t.Errorf("dry run: %v", err)
	}

	if store.data != nil {
		t.Fatalf("something was kept: %q", store.data)
	}

	resp, err := apply(good, machine.ApplyConfigurationRequest_AUTO, false)
	if err != nil {
		t.Fatal(err)
	}

	if mode := resp.GetMessages()[0].GetMode(); mode != machine.ApplyConfigurationRequest_NO_REBOOT {
		t.Errorf("mode %s", mode)
	}

	<-stopped

	if diff := cmp.Diff(good, string(store.data)); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}

	r, err := st.Get(t.Context(), resconfig.NewMachineConfig(nil).Metadata())
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(good, string(r.(*resconfig.MachineConfig).Data())); diff != "" { //nolint:forcetypeassert
		t.Errorf("in force (-want +got):\n%s", diff)
	}

	if _, err = st.Get(t.Context(), runtime.NewMaintenanceServiceConfig().Metadata()); !state.IsNotFoundError(err) {
		t.Errorf("maintenance goes on: %v", err)
	}

	if _, err = m.Version(t.Context(), &emptypb.Empty{}); err == nil {
		t.Error("the maintenance service still answers")
	}
}

func first[T any](s grpc.ServerStreamingClient[T], err error) error {
	if err != nil {
		return err
	}

	_, err = s.Recv()

	return err
}

// configuration is a small one that is valid in a container.
func configuration(t *testing.T) string {
	t.Helper()

	bundle, err := generate.Generate(generate.Input{
		ClusterName: "test", Endpoint: "https://10.0.0.1:6443", Now: time.Now(), Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}

	data, err := bundle.ControlPlane.Bytes()
	if err != nil {
		t.Fatal(err)
	}

	return "# by hand\n" + string(data)
}
