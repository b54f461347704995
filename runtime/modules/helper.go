package modules

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/akmon-os/akmon/runtime/kernelargs"
)

// Helper is the program that the kernel starts whenever it wants something of
// user space (CONFIG_STATIC_USERMODEHELPER): argv[0] says which program it would
// have started. It returns the exit code.
//
//	/sbin/modprobe -q -- NAME   load modules (kernel/module/kmod.c)
//	/sbin/poweroff, /sbin/reboot  end the machine's life in order (kernel/reboot.c)
//
// It writes to the kernel's log: standard error leads nowhere.
func Helper(argv []string) int {
	var err error

	switch name := filepath.Base(argv[0]); name {
	case "modprobe":
		err = modprobe(argv[1:])
	case "poweroff":
		err = tellInit(unix.SIGTERM)
	case "reboot":
		err = tellInit(unix.SIGINT)
	default:
		err = fmt.Errorf("%q is not a program of this machine", argv[0])
	}

	if err == nil {
		return 0
	}

	if log, oerr := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0); oerr == nil {
		fmt.Fprintf(log, "<4>usermodehelper: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
		log.Close() //nolint:errcheck
	}

	return 1
}

// tellInit passes an order of the kernel's on. Whoever calls Helper by hand needs
// the right to signal PID 1 for it.
func tellInit(sig unix.Signal) error {
	if err := unix.Kill(1, sig); err != nil {
		return fmt.Errorf("tell init: %w", err)
	}

	return nil
}

var errName = errors.New("want `-q -- NAME`")

// wanted are the names in modprobe's arguments.
func wanted(args []string) ([]string, error) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		word := args[0]
		args = args[1:]

		if word == "--" {
			break
		}

		if word != "-q" {
			return nil, fmt.Errorf("option %q: %w", word, errName)
		}
	}

	if len(args) != 1 || args[0] == "" {
		return nil, errName
	}

	return args, nil
}

func modprobe(args []string) error {
	names, err := wanted(args)
	if err != nil {
		return err
	}

	tree, err := Running()
	if err != nil || tree.Empty() {
		return err
	}

	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return fmt.Errorf("read kernel command line: %w", err)
	}

	loader := Loader{Tree: tree, Args: kernelargs.Parse(string(cmdline))}

	return loader.Load(context.Background(), names...)
}
