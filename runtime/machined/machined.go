// Package machined is PID 1 of a machine: it mounts, starts the controllers and
// the services, and ends the machine's life when told to. It never exits.
package machined

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	goruntime "runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cosi-project/runtime/pkg/state"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/akmon-os/akmon/internal/version"
	"github.com/akmon-os/akmon/runtime/api"
	ctrlmachine "github.com/akmon-os/akmon/runtime/controllers/runtime"
	"github.com/akmon-os/akmon/runtime/events"
	"github.com/akmon-os/akmon/runtime/kernelargs"
	"github.com/akmon-os/akmon/runtime/kmsg"
	"github.com/akmon-os/akmon/runtime/logbuf"
	"github.com/akmon-os/akmon/runtime/powerbutton"
	"github.com/akmon-os/akmon/runtime/process"
	"github.com/akmon-os/akmon/runtime/sequence"
	"github.com/akmon-os/akmon/runtime/supervisor"
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

			if ownKernel() {
				go m.watchPowerButton(ctx)
			}

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

// watchPowerButton makes a press of the power button a clean shutdown.
func (m *machined) watchPowerButton(ctx context.Context) {
	err := powerbutton.Watch(ctx, func() {
		m.logger.Warn("power button pressed")
		m.requestPower(events.WithActor(ctx, events.NewActorID()), api.Shutdown, false)
	})
	if err != nil {
		m.logger.Error("the power button is not heard", zap.Error(err))
	}
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
