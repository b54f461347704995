// Command init is the first program of the initramfs: it puts the machine's root,
// a squashfs image beside it, in place and hands over to /usr/bin/init there.
//
// The kernel ends when its first process does, so nothing here may return: what
// can't go on says why on the console and restarts the machine after a while.
package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Paths in the initramfs and in the root.
const (
	image   = "/rootfs.sqsh"
	newRoot = "/root"
	next    = "/usr/bin/init"
)

// delay before the machine restarts after a failure.
const delay = 10 * time.Second

func main() {
	err := boot()

	console, oerr := os.OpenFile("/dev/console", os.O_WRONLY, 0)
	if oerr != nil {
		console = os.Stderr
	}

	fmt.Fprintf(console, "init: the machine can't start: %v; it restarts in %s\n", err, delay)
	time.Sleep(delay)
	unix.Sync()

	if err = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART); err != nil {
		fmt.Fprintf(console, "init: and it can't restart: %v\n", err)
	}

	select {}
}

// moved are the file systems that the new root takes over.
var moved = []struct{ target, fstype string }{
	{"/dev", "devtmpfs"},
	{"/proc", "proc"},
	{"/sys", "sysfs"},
}

func boot() error {
	for _, m := range moved {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return fmt.Errorf("make %s: %w", m.target, err)
		}

		if err := unix.Mount(m.fstype, m.target, m.fstype, unix.MS_NOSUID, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}

	loop, err := attach(image)
	if err != nil {
		return err
	}

	if err = os.MkdirAll(newRoot, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", newRoot, err)
	}

	if err = unix.Mount(loop, newRoot, "squashfs", unix.MS_RDONLY|unix.MS_NODEV|unix.MS_NOSUID, ""); err != nil {
		return fmt.Errorf("mount %s: %w", image, err)
	}

	for _, m := range moved {
		if err = unix.Mount(m.target, newRoot+m.target, "", unix.MS_MOVE, ""); err != nil {
			return fmt.Errorf("move %s: %w", m.target, err)
		}
	}

	return handOver()
}

// handOver makes the new root the root and becomes its init. The loop device
// holds the image open, so its name can go: nothing else of the initramfs is
// needed, and what is deleted there is memory given back.
func handOver() error {
	for _, file := range []string{image, "/init"} {
		if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("free the initramfs: %w", err)
		}
	}

	if err := os.Chdir(newRoot); err != nil {
		return fmt.Errorf("enter the root: %w", err)
	}

	if err := unix.Mount(newRoot, "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the root: %w", err)
	}

	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}

	if err := os.Chdir("/"); err != nil {
		return fmt.Errorf("enter the root: %w", err)
	}

	if err := unix.Exec(next, []string{next}, []string{"PATH=/usr/bin", "TERM=linux"}); err != nil {
		return fmt.Errorf("start %s: %w", next, err)
	}

	return nil
}

// attach binds a file to a free loop device, read-only.
func attach(path string) (string, error) {
	file, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", path, err)
	}

	control, err := unix.Open("/dev/loop-control", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("open loop control: %w", err)
	}

	number, err := unix.IoctlRetInt(control, unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return "", fmt.Errorf("get a free loop device: %w", err)
	}

	name := fmt.Sprintf("/dev/loop%d", number)

	// Read-only, as a kernel wants it that lets nobody write to what is mounted
	// (without CONFIG_BLK_DEV_WRITE_MOUNTED, or with bdev_allow_write_mounted=0): it
	// refuses to mount a device that is open for writing.

	loop, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("open %s: %w", name, err)
	}

	config := unix.LoopConfig{Fd: uint32(file)}
	config.Info.Flags = unix.LO_FLAGS_READ_ONLY | unix.LO_FLAGS_AUTOCLEAR
	copy(config.Info.File_name[:], path)

	if err = unix.IoctlLoopConfigure(loop, &config); err != nil {
		return "", fmt.Errorf("bind %s to %s: %w", path, name, err)
	}

	// The mount holds the device once it is made; until then we do, so it stays
	// open (a program that starts closes it).
	return name, nil
}
