// Package powerbutton hears the machine's power button, which is also how a
// hypervisor asks a guest to end (ACPI), by the kernel's input devices
// (Documentation/input/input.rst, include/uapi/linux/input.h).
package powerbutton

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Devices is the pattern of the input devices' names.
const Devices = "/dev/input/event*"

const (
	evKey    = 1
	keyPower = 116
	pressed  = 1
	// keyMax is KEY_MAX, the highest code of a key.
	keyMax = 0x2ff
	// eventSize is that of struct input_event on 64-bit machines: the time (16
	// bytes), type, code, value.
	eventSize = 24
)

// Watch calls press for each press of a power button until ctx ends. It returns
// nil then, and at once when there is no power button.
func Watch(ctx context.Context, press func()) error {
	names, err := filepath.Glob(Devices)
	if err != nil {
		return fmt.Errorf("list input devices: %w", err)
	}

	var wg sync.WaitGroup

	for _, name := range names {
		// Not blocking, so that closing the file ends a read.
		f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			continue // it went away
		}

		if !hasKey(f, keyPower) {
			f.Close() //nolint:errcheck

			continue
		}

		wg.Go(func() {
			stop := context.AfterFunc(ctx, func() { f.Close() }) //nolint:errcheck
			defer stop()
			defer f.Close() //nolint:errcheck

			presses(f, press)
		})
	}

	wg.Wait()

	return nil
}

// presses reads events until there are no more.
func presses(r io.Reader, press func()) {
	buf := make([]byte, eventSize)

	for {
		if _, err := io.ReadFull(r, buf); err != nil {
			return
		}

		typ, code := binary.NativeEndian.Uint16(buf[16:]), binary.NativeEndian.Uint16(buf[18:])
		if typ == evKey && code == keyPower && binary.NativeEndian.Uint32(buf[20:]) == pressed {
			press()
		}
	}
}

// hasKey says whether a device has a key, by EVIOCGBIT(EV_KEY, size).
func hasKey(f *os.File, key int) bool {
	const size = keyMax/8 + 1

	var bits [size]byte

	// _IOC(_IOC_READ, 'E', 0x20 + EV_KEY, size)
	const request = 2<<30 | size<<16 | 'E'<<8 | 0x20 + evKey

	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}

	var errno unix.Errno

	if err = raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(&bits)))
	}); err != nil || errno != 0 {
		return false
	}

	return bits[key/8]&(1<<(key%8)) != 0
}
