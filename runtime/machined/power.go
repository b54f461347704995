package machined

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/akmon-os/akmon/runtime/api"
	"github.com/akmon-os/akmon/runtime/mounts"
	"github.com/akmon-os/akmon/runtime/resources/runtime"
	"github.com/akmon-os/akmon/runtime/sequence"
)

// Times of going down.
const (
	stopTime = 30 * time.Second
	// lingering is how long a machine that could not go down cleanly waits, so that
	// its console can be read.
	lingering = 5 * time.Second
)

type powerRequest struct {
	ctx    context.Context //nolint:containedctx // carries the actor
	action api.Action
	force  bool
}

// goDown ends the machine's life; it returns only when the kernel refuses to.
func (m *machined) goDown(req powerRequest) error {
	name, stage, command := "reboot", runtime.StageRebooting, unix.LINUX_REBOOT_CMD_RESTART
	if req.action == api.Shutdown {
		name, stage, command = "shutdown", runtime.StageShuttingDown, unix.LINUX_REBOOT_CMD_POWER_OFF
	}

	m.status.GoDown(stage)

	phases := []sequence.Phase{
		{Name: "stopServices", Optional: true, Tasks: []sequence.Task{{Name: "stopAllServices", Run: m.stopServices}}},
		{Name: "unmount", Optional: true, Tasks: []sequence.Task{{Name: "unmountAll", Run: unmountAll}}},
	}
	if req.force {
		phases = phases[1:]
	}

	if err := m.runner.Run(req.ctx, name, phases); err != nil {
		time.Sleep(lingering)
	}

	m.logger.Info("goodbye", zap.String("command", name))
	unix.Sync()

	if err := unix.Reboot(command); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}

	return nil
}

func (m *machined) stopServices(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()

	return m.supervisor.Shutdown(ctx)
}

// unmountAll writes everything to the disks and makes them read-only; what can
// be unmounted is.
func unmountAll(context.Context) error {
	unix.Sync()

	all, err := mounts.Read()
	if err != nil {
		return err
	}

	for i := len(all) - 1; i >= 0; i-- {
		if !strings.HasPrefix(all[i].Source, "/dev/") || strings.HasPrefix(all[i].Source, "/dev/loop") {
			continue
		}

		if err := unix.Unmount(all[i].Target, 0); err != nil {
			if err := unix.Mount("", all[i].Target, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
				fmt.Fprintf(os.Stderr, "unmount %s: %v\n", all[i].Target, err)
			}
		}
	}

	return nil
}
