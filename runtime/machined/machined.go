// Package machined is PID 1 of a machine: it mounts, starts the controllers and
// the services, and ends the machine's life when told to. It never exits.
package machined

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	goruntime "runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cosi-project/runtime/pkg/controller"
	ctrlruntime "github.com/cosi-project/runtime/pkg/controller/runtime"
	"github.com/cosi-project/runtime/pkg/controller/runtime/options"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"

	"github.com/akmon-os/akmon/internal/version"
	"github.com/akmon-os/akmon/runtime/api"
	"github.com/akmon-os/akmon/runtime/apid"
	"github.com/akmon-os/akmon/runtime/controllers/config"
	"github.com/akmon-os/akmon/runtime/controllers/files"
	"github.com/akmon-os/akmon/runtime/controllers/network"
	ctrlmachine "github.com/akmon-os/akmon/runtime/controllers/runtime"
	"github.com/akmon-os/akmon/runtime/controllers/secrets"
	"github.com/akmon-os/akmon/runtime/dhcp"
	"github.com/akmon-os/akmon/runtime/events"
	"github.com/akmon-os/akmon/runtime/kernelargs"
	"github.com/akmon-os/akmon/runtime/kmsg"
	"github.com/akmon-os/akmon/runtime/logbuf"
	"github.com/akmon-os/akmon/runtime/maintenance"
	"github.com/akmon-os/akmon/runtime/mounts"
	"github.com/akmon-os/akmon/runtime/netkernel"
	"github.com/akmon-os/akmon/runtime/platform/metal"
	"github.com/akmon-os/akmon/runtime/process"
	"github.com/akmon-os/akmon/runtime/resources"
	resnetwork "github.com/akmon-os/akmon/runtime/resources/network"
	"github.com/akmon-os/akmon/runtime/resources/runtime"
	"github.com/akmon-os/akmon/runtime/resources/v1alpha1"
	"github.com/akmon-os/akmon/runtime/sequence"
	svcapid "github.com/akmon-os/akmon/runtime/services/apid"
	svcmachined "github.com/akmon-os/akmon/runtime/services/machined"
	"github.com/akmon-os/akmon/runtime/supervisor"
	"github.com/akmon-os/akmon/schemas/machineconfig"
)

// logCapacity is how much of each log is kept in memory, in bytes.
const logCapacity = 1 << 20

// dmi is where the firmware's strings are.
const dmi = "/sys/class/dmi/id"

type machined struct {
	logger     *zap.Logger
	logs       *logbuf.Set
	events     *events.Stream
	state      state.State
	reaper     *process.Reaper
	supervisor *supervisor.Supervisor
	runner     sequence.Runner
	status     *ctrlmachine.MachineStatusController
	power      chan powerRequest
	args       kernelargs.Args
	cmdline    string

	maintenance portGate
}

// portGate opens when the maintenance service does not hold the API's port.
type portGate struct {
	mu   sync.Mutex
	busy chan struct{}
}

func (g *portGate) taken() {
	g.mu.Lock()
	defer g.mu.Unlock()

	g.busy = make(chan struct{})
}

func (g *portGate) free() {
	g.mu.Lock()
	defer g.mu.Unlock()

	if g.busy != nil {
		close(g.busy)
		g.busy = nil
	}
}

func (g *portGate) wait(ctx context.Context) error {
	g.mu.Lock()
	busy := g.busy
	g.mu.Unlock()

	if busy == nil {
		return nil
	}

	select {
	case <-busy:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Main is machined as PID 1. It does not return.
func Main() {
	// The console is there before the mounts are.
	if err := mountPseudos(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", version.Name, err)
	}

	if ownKernel() {
		setKernelParams()
	}

	// A machine is mostly idle; memory is worth more than the collector's time.
	debug.SetGCPercent(50)

	logs := logbuf.NewSet(logCapacity)
	logger := openLog(logs)

	for {
		err := protect(func() error { return run(logs, logger) })

		logger.Error("machined failed; the machine restarts", zap.Error(err), zap.Duration("in", 10*time.Second))
		time.Sleep(10 * time.Second)
		unix.Sync()

		if err := unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART); err != nil {
			logger.Error("the machine can't restart", zap.Error(err))
		}
	}
}

func protect(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()

	return fn()
}

func run(logs *logbuf.Set, logger *zap.Logger) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	m := &machined{logger: logger, logs: logs, events: events.NewStream(), power: make(chan powerRequest, 1)}
	m.runner = sequence.Runner{Events: m.events, Logger: logger}

	logger.Info(version.Name+" "+version.Tag, zap.String("go", goruntime.Version()), zap.String("arch", goruntime.GOARCH))

	if err := m.runner.Run(ctx, "boot", []sequence.Phase{
		{Name: "systemRequirements", Tasks: []sequence.Task{
			{Name: "makeDirectories", Run: func(context.Context) error { return makeDirs() }},
			{Name: "readKernelCmdline", Run: m.readCmdline},
			{Name: "enableCtrlAltDel", Run: func(context.Context) error { return m.handleSignals(ctx) }},
		}},
		{Name: "startReaper", Tasks: []sequence.Task{{Name: "startReaper", Run: func(context.Context) error {
			m.reaper = process.NewReaper()
			go m.reaper.Run(ctx)
			go m.readKernelLog(ctx)

			return nil
		}}}},
		{Name: "startControllers", Tasks: []sequence.Task{{Name: "startControllers", Run: func(context.Context) error { return m.start(ctx) }}}},
	}); err != nil {
		return err
	}

	for req := range m.power {
		if err := m.goDown(req); err != nil {
			logger.Error("the machine can't go down", zap.Error(err))
		}
	}

	return errors.New("nothing left to do")
}

func (m *machined) readCmdline(context.Context) error {
	data, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return fmt.Errorf("read kernel command line: %w", err)
	}

	m.cmdline = strings.TrimSpace(string(data))
	m.args = kernelargs.Parse(m.cmdline)

	return nil
}

// handleSignals makes Ctrl-Alt-Del, which the kernel turns into SIGINT to PID 1,
// a clean reboot; signals that would end another process are for the log only.
func (m *machined) handleSignals(ctx context.Context) error {
	if ownKernel() {
		if err := unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF); err != nil {
			return fmt.Errorf("take over Ctrl-Alt-Del: %w", err)
		}
	}

	ch := make(chan os.Signal, 4)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPWR)

	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case sig := <-ch:
				m.logger.Warn("signal", zap.Stringer("signal", sig))

				switch sig {
				case syscall.SIGINT:
					m.requestPower(events.WithActor(ctx, events.NewActorID()), api.Reboot, false)
				case syscall.SIGTERM, syscall.SIGPWR:
					m.requestPower(events.WithActor(ctx, events.NewActorID()), api.Shutdown, false)
				}
			}
		}
	}()

	return nil
}

// requestPower asks the main loop; a second request while the machine goes down
// already changes nothing.
func (m *machined) requestPower(ctx context.Context, action api.Action, force bool) {
	select {
	case m.power <- powerRequest{ctx, action, force}:
	default:
	}
}

// readKernelLog copies the kernel's log to the log "kernel".
func (m *machined) readKernelLog(ctx context.Context) {
	log := m.logs.Get("kernel")
	boot := kmsg.BootTime()

	err := kmsg.Read(ctx, kmsg.Device, kmsg.Options{Follow: true}, func(msg kmsg.Message) error {
		_, err := fmt.Fprintln(log, msg.Format(boot))

		return err
	})
	if err != nil {
		m.logger.Error("the kernel's log is not kept", zap.Error(err))
	}
}

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
	acquire := config.NewAcquireController(config.Options{
		Store: store, Mode: machineconfig.ModeMetal, Listen: ":" + apid.Port,
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
		&svcmachined.Service{Node: node, Machine: MachineSocket, State: StateSocket, UIDs: []int{svcapid.UID}},
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

func (m *machined) controllers(node *api.Node, acquire *config.AcquireController) []controller.Controller {
	all := []controller.Controller{
		&ctrlmachine.FactsController{Cmdline: m.cmdline, DMI: dmi, Platform: runtime.PlatformMetadataSpec{Platform: metal.Name}},
		&ctrlmachine.MountStatusController{Read: mounts.Read, Watch: mounts.Watch},
		m.status,
		acquire,
		&config.MachineTypeController{},
		&files.EtcFileController{Shadow: shadowDir, Mount: bindEtc},
		&maintenance.Controller{Node: node, Started: func(net.Addr) { m.maintenance.taken() }, Stopped: m.maintenance.free},
	}

	all = append(all, secrets.Controllers()...)

	return append(all, network.Controllers(network.System{
		Kernel:      netkernel.Linux{},
		DHCP:        dhcp.Run,
		SetHostname: setHostname,
		MachineID:   func() string { return ctrlmachine.SystemInformation(dmi).UUID },
	})...)
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
