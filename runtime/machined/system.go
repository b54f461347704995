package machined

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// pseudo is a file system that the kernel makes up, or memory.
type pseudo struct {
	fstype, target string
	flags          uintptr
	data           string
	// optional ones may be missing from the kernel.
	optional bool
}

const quiet = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// pseudos are mounted in this order. /system is memory: what is under it is made
// anew at each boot; /var too, until the machine has a disk for it.
var pseudos = []pseudo{
	{fstype: "proc", target: "/proc", flags: quiet},
	{fstype: "sysfs", target: "/sys", flags: quiet},
	{fstype: "devtmpfs", target: "/dev", flags: unix.MS_NOSUID, data: "mode=0755"},
	{fstype: "devpts", target: "/dev/pts", flags: unix.MS_NOSUID | unix.MS_NOEXEC, data: "ptmxmode=000,mode=620,gid=5"},
	{fstype: "tmpfs", target: "/dev/shm", flags: quiet, data: "mode=1777", optional: true},
	{fstype: "securityfs", target: "/sys/kernel/security", flags: quiet, optional: true},
	{fstype: "tracefs", target: "/sys/kernel/tracing", flags: quiet, optional: true},
	{fstype: "efivarfs", target: "/sys/firmware/efi/efivars", flags: quiet, optional: true},
	{fstype: "bpf", target: "/sys/fs/bpf", flags: quiet, data: "mode=0700", optional: true},
	{fstype: "cgroup2", target: "/sys/fs/cgroup", flags: quiet, data: "nsdelegate,memory_recursiveprot", optional: true},
	{fstype: "tmpfs", target: "/run", flags: unix.MS_NOSUID | unix.MS_NODEV, data: "mode=0755"},
	{fstype: "tmpfs", target: "/tmp", flags: unix.MS_NOSUID | unix.MS_NODEV, data: "mode=1777,size=64M"},
	{fstype: "tmpfs", target: "/system", flags: unix.MS_NOSUID | unix.MS_NODEV, data: "mode=0755"},
	{fstype: "tmpfs", target: "/var", flags: unix.MS_NOSUID | unix.MS_NODEV, data: "mode=0755"},
}

// mountPseudos mounts what is not mounted yet: the initramfs brings some along.
func mountPseudos() error {
	for _, p := range pseudos {
		if mounted(p.target) {
			continue
		}

		if err := os.MkdirAll(p.target, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			if p.optional {
				continue
			}

			return fmt.Errorf("make mount point %s: %w", p.target, err)
		}

		if err := unix.Mount(p.fstype, p.target, p.fstype, p.flags, p.data); err != nil && !p.optional {
			return fmt.Errorf("mount %s: %w", p.target, err)
		}
	}

	return nil
}

// mounted says whether a directory is on another file system than its parent.
func mounted(dir string) bool {
	var a, b unix.Stat_t

	return unix.Lstat(dir, &a) == nil && unix.Lstat(filepath.Dir(dir), &b) == nil && a.Dev != b.Dev
}

// Directories that machined makes, and the sockets that apid and trustd open.
const (
	shadowDir     = "/system/etc"
	runDir        = "/system/run"
	stateDir      = "/system/state"
	MachineSocket = runDir + "/machined/machine.sock"
	StateSocket   = runDir + "/apid/state.sock"
	TrustSocket   = runDir + "/trustd/trust.sock"
	etc           = "/etc"
)

func makeDirs() error {
	for dir, mode := range map[string]os.FileMode{shadowDir: 0o755, runDir: 0o755, stateDir: 0o700, "/var/log": 0o755, "/var/lib": 0o755} {
		if err := os.MkdirAll(dir, mode); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
	}

	return nil
}

// bindEtc shows a file from the shadow directory under /etc. The root is
// read-only, so the file that is bound over must be there; one that the image
// does not have can't be shown, and is an error that names it.
func bindEtc(source, name string) error {
	target := filepath.Join(etc, name)

	if _, err := os.Stat(target); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("bind %s: the image has no such file to mount over", target)
	}

	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s: %w", target, err)
	}

	// A bind mount takes its flags by a second call.
	if err := unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|quiet, ""); err != nil {
		return fmt.Errorf("restrict %s: %w", target, err)
	}

	return nil
}

// initialPID is the inode of the first PID namespace (PROC_PID_INIT_INO).
const initialPID = 0xEFFFFFFC

// ownKernel says whether the kernel is this machine's own. In a container it is
// the host's, whose settings are not ours to change.
func ownKernel() bool {
	var st unix.Stat_t

	return unix.Stat("/proc/self/ns/pid", &st) == nil && st.Ino == initialPID
}

// kernelParams are set at boot; a kernel without one of them is all right.
var kernelParams = map[string]string{
	// A crash of PID 1 panics the kernel: reboot after 10 seconds.
	"kernel/panic": "10",
	// Nothing of machined's own log may be dropped; it limits itself.
	"kernel/printk_devkmsg":                "on",
	"kernel/kptr_restrict":                 "2",
	"kernel/dmesg_restrict":                "1",
	"kernel/unprivileged_bpf_disabled":     "1",
	"net/ipv4/conf/all/rp_filter":          "0",
	"net/ipv4/icmp_echo_ignore_broadcasts": "1",
	"fs/protected_hardlinks":               "1",
	"fs/protected_symlinks":                "1",
}

func setKernelParams() {
	for name, value := range kernelParams {
		os.WriteFile(filepath.Join("/proc/sys", name), []byte(value+"\n"), 0o644) //nolint:errcheck
	}
}
