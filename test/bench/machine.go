package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/akmon-os/akmon/installer/cmdline"
	"github.com/akmon-os/akmon/test/bench/console"
	"github.com/akmon-os/akmon/test/bench/qemu"
	"github.com/akmon-os/akmon/test/bench/result"
)

const (
	// arch is that of the emulated machine.
	arch = "amd64"
	// maxStarts bounds how often a machine starts: it takes long when emulated.
	maxStarts = 3
	// deadline ends a start that hangs.
	deadline = 10 * time.Minute
	// settled is how long the machine is left alone before its memory is read.
	settled = 10 * time.Second
)

// machine measures a machine's start against that of the same kernel with a
// program that prints one line, and the memory of its services.
func (b *bench) machine(ctx context.Context) error {
	if _, err := exec.LookPath(qemu.Program); err != nil {
		return fmt.Errorf("%s is not installed (`make deps-test` installs it)", qemu.Program)
	}

	out := result.Machine{Taken: b.taken(ctx)}

	vm, err := b.files(ctx, &out)
	if err != nil {
		return err
	}

	out.VM = result.VM{Accel: b.accel, CPUs: vm.CPUs, MiB: vm.MiB, Args: vm.Args}

	if out.VM.QEMU, err = qemu.Version(ctx); err != nil {
		return err
	}

	for i := range min(b.runs, maxStarts) {
		boot, release, err := b.boot(ctx, vm.Config, &out)
		if err != nil {
			return err
		}

		plain, err := bootPlain(ctx, vm.plain())
		if err != nil {
			return fmt.Errorf("the small program: %w", err)
		}

		progress("  start %d: %.2f s to the API, %.2f s to the small program", i+1, boot.Answering, plain)

		out.VM.Kernel = release
		out.Boots, out.Plain = append(out.Boots, *boot), append(out.Plain, plain)
	}

	return result.Save(b.rawDir(), &out)
}

// bootFiles is a virtual machine with the initramfs of the small program.
type bootFiles struct {
	qemu.Config

	plainInitramfs string
}

func (f *bootFiles) plain() qemu.Config {
	c := f.Config
	c.Initramfs = f.plainInitramfs

	return c
}

// kernelArgs are those that an image for this console has.
func kernelArgs(accel string) (string, error) {
	extra := []string{"console=ttyS0"}
	if strings.HasPrefix(accel, "tcg") {
		// An emulated timer is late on a busy host, which the kernel's test of
		// it takes for a broken one.
		extra = append(extra, "no_timer_check")
	}

	args, err := cmdline.Merge(cmdline.Defaults("metal", arch), extra)
	if err != nil {
		return "", err
	}

	return cmdline.Join(args)
}

// boot starts a machine, waits for its API, and reads the memory of its
// services after it got a configuration.
func (b *bench) boot(ctx context.Context, c qemu.Config, out *result.Machine) (*result.Boot, string, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()

	vm, err := qemu.Start(ctx, c)
	if err != nil {
		return nil, "", err
	}
	defer vm.Close()

	events, err := vm.Until(ctx, console.Listening)
	if err != nil {
		return nil, "", err
	}

	if err := answers(ctx, vm.Endpoint); err != nil {
		return nil, "", err
	}

	// The answer came to the host. The two clocks run alike, and the line that
	// was just read connects them.
	listening := events[console.Listening]
	boot := &result.Boot{
		Init:      events[console.Init].At.Seconds(),
		Machined:  events[console.Machined].At.Seconds(),
		Listening: listening.At.Seconds(),
		Answering: (listening.At + time.Since(listening.Seen)).Seconds(),
	}

	memory, err := b.memory(ctx, vm.Endpoint)
	if err != nil {
		return nil, "", fmt.Errorf("read the memory of the services: %w", err)
	}

	out.Memory = append(out.Memory, memory...)

	return boot, events[console.Kernel].Release(), nil
}

// bootPlain returns when the small program has printed its line.
func bootPlain(ctx context.Context, c qemu.Config) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()

	vm, err := qemu.Start(ctx, c)
	if err != nil {
		return 0, err
	}
	defer vm.Close()

	events, err := vm.Until(ctx, console.Plain)
	if err != nil {
		return 0, err
	}

	return events[console.Plain].At.Seconds(), nil
}

// size is that of a file, in bytes.
func size(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}

	if info.Size() == 0 {
		return 0, errors.New(path + " is empty")
	}

	return info.Size(), nil
}
