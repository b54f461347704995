package machined

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/cosi-project/runtime/pkg/controller"
	ctrlruntime "github.com/cosi-project/runtime/pkg/controller/runtime"
	"github.com/cosi-project/runtime/pkg/controller/runtime/options"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	securityapi "github.com/siderolabs/talos/pkg/machinery/api/security"

	"github.com/akmon-os/akmon/runtime/api"
	"github.com/akmon-os/akmon/runtime/apid"
	"github.com/akmon-os/akmon/runtime/controllers/config"
	"github.com/akmon-os/akmon/runtime/controllers/files"
	"github.com/akmon-os/akmon/runtime/controllers/network"
	ctrlmachine "github.com/akmon-os/akmon/runtime/controllers/runtime"
	"github.com/akmon-os/akmon/runtime/controllers/secrets"
	"github.com/akmon-os/akmon/runtime/dhcp"
	"github.com/akmon-os/akmon/runtime/kmsg"
	"github.com/akmon-os/akmon/runtime/maintenance"
	"github.com/akmon-os/akmon/runtime/modules"
	"github.com/akmon-os/akmon/runtime/mounts"
	"github.com/akmon-os/akmon/runtime/netkernel"
	"github.com/akmon-os/akmon/runtime/platform/metal"
	"github.com/akmon-os/akmon/runtime/resources"
	resnetwork "github.com/akmon-os/akmon/runtime/resources/network"
	"github.com/akmon-os/akmon/runtime/resources/runtime"
	ressecrets "github.com/akmon-os/akmon/runtime/resources/secrets"
	"github.com/akmon-os/akmon/runtime/resources/v1alpha1"
	svcapid "github.com/akmon-os/akmon/runtime/services/apid"
	svcmachined "github.com/akmon-os/akmon/runtime/services/machined"
	svctrustd "github.com/akmon-os/akmon/runtime/services/trustd"
	"github.com/akmon-os/akmon/runtime/supervisor"
	"github.com/akmon-os/akmon/runtime/trustd"
	"github.com/akmon-os/akmon/schemas/machineconfig"
)

// start makes the state, the controllers and the services.
func (m *machined) start(ctx context.Context) error {
	var err error

	if m.state, err = resources.NewState(ctx); err != nil {
		return err
	}

	m.supervisor = supervisor.New(supervisor.Options{
		Logs: m.logs, Events: m.events, Logger: m.logger, Changed: func(st supervisor.Status) { m.writeService(ctx, st) },
	})
	m.status = &ctrlmachine.MachineStatusController{Events: m.events}

	store := store{dir: stateDir}
	_, hasURL := m.args.First(metal.ConfigArg)
	acquire := config.NewAcquireController(config.Options{
		Store: store, Mode: machineconfig.ModeMetal, Listen: ":" + apid.Port, NeedsNetwork: hasURL,
		Fetch:  func(ctx context.Context) ([]byte, error) { return metal.Fetch(ctx, m.args, m.variables) },
		Failed: m.configFailed,
	})

	node := &api.Node{
		State: m.state, Logs: m.logs, Events: m.events, Supervisor: m.supervisor, Config: acquire, Persistent: store.Persistent,
		Power: m.requestPower, Logger: m.logger, Platform: metal.Name, Mode: metal.Name, Root: "/", Kmsg: kmsg.Device,
	}

	engine, err := ctrlruntime.NewRuntime(m.state, m.logger, options.WithMetrics(false))
	if err != nil {
		return fmt.Errorf("make controller runtime: %w", err)
	}

	for _, c := range m.controllers(node, acquire) {
		if err := engine.RegisterController(c); err != nil {
			return fmt.Errorf("register controller: %w", err)
		}
	}

	go func() {
		// The engine ends only when its watches break, which they can't in memory.
		if err := protect(func() error { return engine.Run(ctx) }); err != nil && ctx.Err() == nil {
			m.logger.Error("the controller runtime ended", zap.Error(err))
			m.requestPower(ctx, api.Reboot, false)
		}
	}()

	for _, svc := range []supervisor.Service{
		&svcmachined.Service{Sockets: m.sockets(node)},
		&svcapid.Service{
			State: m.state, Reaper: m.reaper, Program: "/usr/bin/apid", Address: "127.0.0.1:" + apid.Port,
			Unprivileged: true, MaintenanceStopped: m.maintenance.wait,
		},
	} {
		if err := m.supervisor.Add(svc); err != nil {
			return fmt.Errorf("add service: %w", err)
		}
	}

	return nil
}

// sockets are what the services reach machined through: each its own, with no
// more than it needs.
func (m *machined) sockets(node *api.Node) []svcmachined.Socket {
	return append(svcmachined.Local(node, MachineSocket, StateSocket, svcapid.UID), svcmachined.Socket{
		Path: TrustSocket, UID: svctrustd.UID, Server: func() *grpc.Server {
			server := api.NewStateServer(m.state, ressecrets.TrustdType)
			securityapi.RegisterSecurityServiceServer(server, &trustd.Issuer{State: m.state, Logger: m.logger, Lifetime: secrets.Lifetime})

			return server
		},
	})
}

// trustd is the service that control planes have.
func (m *machined) trustd() supervisor.Service {
	return &svctrustd.Service{State: m.state, Reaper: m.reaper, Program: "/usr/bin/trustd", Address: "127.0.0.1:" + trustd.Port}
}

func (m *machined) controllers(node *api.Node, acquire *config.AcquireController) []controller.Controller {
	all := []controller.Controller{
		&ctrlmachine.FactsController{Cmdline: m.cmdline, DMI: dmi, Platform: runtime.PlatformMetadataSpec{Platform: metal.Name}},
		&ctrlmachine.MountStatusController{Read: mounts.Read, Watch: mounts.Watch},
		m.status,
		acquire,
		&config.MachineTypeController{},
		&ctrlmachine.ControlPlaneController{Supervisor: m.supervisor, Services: []supervisor.Service{m.trustd()}},
		&files.EtcFileController{Shadow: shadowDir, Mount: bindEtc},
		&files.MachineIDController{Identity: machineUUID},
		&maintenance.Controller{Node: node, Started: func(net.Addr) { m.maintenance.taken() }, Stopped: m.maintenance.free},
	}

	all = append(all, m.kernelModules()...)
	all = append(all, secrets.Controllers()...)

	return append(all, network.Controllers(network.System{
		Kernel:      netkernel.Linux{},
		DHCP:        dhcp.Run,
		SetHostname: setHostname,
		MachineID:   machineUUID,
	})...)
}

// machineUUID is the firmware's identity of the machine, "" without one.
func machineUUID() string { return ctrlmachine.SystemInformation(dmi).UUID }

// kernelModules are the controllers that load modules: those of a machine whose
// kernel is its own and has some.
func (m *machined) kernelModules() []controller.Controller {
	out := []controller.Controller{&ctrlmachine.KernelModuleConfigController{}}

	tree, err := modules.Running()
	if err != nil || !ownKernel() || tree.Empty() {
		return out
	}

	return append(out, &ctrlmachine.KernelModuleController{
		Loader: &modules.Loader{Tree: tree, Args: m.args}, Watch: modules.Watch, Loaded: modules.ReadLoaded,
	})
}

func setHostname(host, domain string) error {
	if err := unix.Sethostname([]byte(host)); err != nil {
		return fmt.Errorf("set host name: %w", err)
	}

	if err := unix.Setdomainname([]byte(domain)); err != nil {
		return fmt.Errorf("set domain name: %w", err)
	}

	return nil
}

// variables fills in the configuration URL.
func (m *machined) variables() metal.Variables {
	info := ctrlmachine.SystemInformation(dmi)
	v := metal.Variables{UUID: info.UUID, Serial: info.SerialNumber}

	v.Hostname, _ = os.Hostname() //nolint:errcheck // "" when it has none

	links, err := safe.StateListAll[*resnetwork.LinkStatus](context.Background(), m.state)
	if err != nil {
		return v
	}

	for l := range links.All() {
		if l.TypedSpec().Physical() {
			v.MAC = l.TypedSpec().HardwareAddr.String()

			break
		}
	}

	return v
}

func (m *machined) configFailed(err error) {
	m.events.Publish(context.Background(), &machine.ConfigLoadErrorEvent{Error: err.Error()})
}

// writeService mirrors the supervisor in the state.
func (m *machined) writeService(ctx context.Context, st supervisor.Status) {
	err := safe.StateModify(ctx, m.state, v1alpha1.NewService(st.ID), func(out *v1alpha1.Service) error {
		*out.TypedSpec() = v1alpha1.ServiceSpec{
			Running: st.State == supervisor.Running, Healthy: st.Healthy, Unknown: st.HealthUnknown,
		}

		return nil
	})
	if err == nil && st.PID != 0 {
		err = safe.StateModify(ctx, m.state, runtime.NewServicePID(st.ID), func(out *runtime.ServicePID) error {
			out.TypedSpec().PID = int32(st.PID)
			out.TypedSpec().MountNamespace, _ = os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", st.PID)) //nolint:errcheck

			return nil
		})
	} else if err == nil {
		err = m.state.Destroy(ctx, runtime.NewServicePID(st.ID).Metadata())
		if state.IsNotFoundError(err) {
			err = nil
		}
	}

	if err != nil && ctx.Err() == nil {
		m.logger.Error("write service state", zap.Error(err))
	}
}
