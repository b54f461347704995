package runtime_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"

	"github.com/akmon-os/akmon/runtime/controllers/ctest"
	ctrl "github.com/akmon-os/akmon/runtime/controllers/runtime"
	"github.com/akmon-os/akmon/runtime/events"
	"github.com/akmon-os/akmon/runtime/mounts"
	"github.com/akmon-os/akmon/runtime/resources/config"
	"github.com/akmon-os/akmon/runtime/resources/hardware"
	"github.com/akmon-os/akmon/runtime/resources/network"
	"github.com/akmon-os/akmon/runtime/resources/runtime"
	"github.com/akmon-os/akmon/runtime/resources/v1alpha1"
)

func TestFacts(t *testing.T) {
	dmi := t.TempDir()
	if err := os.WriteFile(filepath.Join(dmi, "sys_vendor"), []byte("QEMU\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	st := ctest.Start(t, &ctrl.FactsController{Cmdline: "a=b", DMI: dmi, Platform: runtime.PlatformMetadataSpec{Platform: "metal"}})

	ctest.Wait(t, st, runtime.NewKernelCmdline(), func(r *runtime.KernelCmdline) bool { return r.TypedSpec().Cmdline == "a=b" })
	ctest.Wait(t, st, runtime.NewPlatformMetadata(), func(r *runtime.PlatformMetadata) bool { return r.TypedSpec().Platform == "metal" })
	ctest.Wait(t, st, runtime.NewVersion(), func(r *runtime.Version) bool { return r.TypedSpec().Name == "Akmon" })
	ctest.Wait(t, st, hardware.NewSystemInformation(), func(r *hardware.SystemInformation) bool { return r.TypedSpec().Manufacturer == "QEMU" })
}

func TestMounts(t *testing.T) {
	table := make(chan []mounts.Mount, 2)
	table <- []mounts.Mount{{Source: "tmpfs", Target: "/run", Type: "tmpfs"}, {Source: "/dev/vda", Target: "/var", Type: "xfs"}}

	kick := make(chan func(), 1)
	last := []mounts.Mount{}

	st := ctest.Start(t, &ctrl.MountStatusController{
		Read: func() ([]mounts.Mount, error) {
			select {
			case last = <-table:
			default:
			}

			return last, nil
		},
		Watch: func(ctx context.Context, changed func()) error {
			kick <- changed
			<-ctx.Done()

			return nil
		},
	})

	ctest.Wait(t, st, runtime.NewMountStatus("/var"), func(r *runtime.MountStatus) bool { return r.TypedSpec().FilesystemType == "xfs" })

	table <- []mounts.Mount{{Source: "tmpfs", Target: "/run", Type: "tmpfs"}}
	(<-kick)()

	ctest.Gone(t, st, runtime.NewMountStatus("/var"))
	ctest.Wait(t, st, runtime.NewMountStatus("/run"), func(*runtime.MountStatus) bool { return true })
}

func TestMachineStatus(t *testing.T) {
	stream := events.NewStream()
	status := &ctrl.MachineStatusController{Events: stream}
	st := ctest.Start(t, status)

	wait := func(stage runtime.MachineStage, ready bool) {
		t.Helper()
		ctest.Wait(t, st, runtime.NewMachineStatus(), func(r *runtime.MachineStatus) bool {
			return r.TypedSpec().Stage == stage && r.TypedSpec().Status.Ready == ready
		})
	}

	wait(runtime.StageBooting, false)

	apid := v1alpha1.NewService("apid")
	net := network.NewStatus()
	*net.TypedSpec() = network.StatusSpec{AddressReady: true, ConnectivityReady: true, HostnameReady: true, EtcFilesReady: true}
	maintenance := runtime.NewMaintenanceServiceConfig()

	for _, err := range []error{st.Create(t.Context(), apid), st.Create(t.Context(), net), st.Create(t.Context(), maintenance)} {
		if err != nil {
			t.Fatal(err)
		}
	}

	wait(runtime.StageMaintenance, true)

	if err := st.Create(t.Context(), config.NewMachineConfig([]byte("x"))); err != nil {
		t.Fatal(err)
	}

	wait(runtime.StageBooting, false)

	set := func(running, healthy bool) {
		if _, err := safe.StateUpdateWithConflicts(t.Context(), st, apid.Metadata(), func(r *v1alpha1.Service) error {
			*r.TypedSpec() = v1alpha1.ServiceSpec{Running: running, Healthy: healthy}

			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}

	set(true, true)
	wait(runtime.StageRunning, true)

	// A machine that has run stays in its stage when a service falls.
	set(true, false)
	wait(runtime.StageRunning, false)

	status.GoDown(runtime.StageRebooting)
	wait(runtime.StageRebooting, false)

	// The stages' numbers are those of the event.
	for stage := runtime.StageUnknown; stage <= runtime.StageUpgrading; stage++ {
		if _, ok := machine.MachineStatusEvent_MachineStage_name[int32(stage)]; !ok {
			t.Errorf("stage %s has no number in the event", stage)
		}
	}

	if machine.MachineStatusEvent_MachineStage(runtime.StageShuttingDown) != machine.MachineStatusEvent_SHUTTING_DOWN {
		t.Error("stages and events differ")
	}

	// The event follows the resource, so it may not be there yet.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	var last machine.MachineStatusEvent

	rebooting := errors.New("rebooting")

	if err := stream.Watch(ctx, events.Options{TailEvents: -1}, func(e events.Event) error {
		if err := proto.Unmarshal(e.Payload.GetValue(), &last); err != nil {
			return err
		}

		if last.GetStage() == machine.MachineStatusEvent_REBOOTING {
			return rebooting
		}

		return nil
	}); !errors.Is(err, rebooting) {
		t.Errorf("last event %s, %v", last.GetStage(), err)
	}
}
