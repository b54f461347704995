//go:build boot

package boot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// firmware are the places of OVMF's code and of its variables, by distribution.
var firmware = [][2]string{
	{"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"},
	{"/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"},
	{"/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"},
	{"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"},
}

// needs skips the test, or fails it in CI, where everything must be there.
func needs(t *testing.T, format string, args ...any) {
	t.Helper()

	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}

	t.Skipf(format, args...)
}

// vm is a running virtual machine.
type vm struct {
	// endpoint is where the host reaches the machine's API.
	endpoint string
	console  string // path of the serial console's log
	qmp      string // path of QEMU's control socket
	done     chan struct{}
	err      error // of the process, once done is closed
}

// start runs a machine from the ISO; the test's end kills it.
func start(t *testing.T, iso string) *vm {
	t.Helper()

	qemu, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		needs(t, "qemu-system-x86_64 is not installed")
	}

	code, vars := findFirmware()
	if code == "" {
		needs(t, "no OVMF firmware is installed")
	}

	dir := t.TempDir()
	ownVars := filepath.Join(dir, "vars.fd")

	data, err := os.ReadFile(vars)
	if err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(ownVars, data, 0o600); err != nil {
		t.Fatal(err)
	}

	m := &vm{endpoint: freeAddress(t), console: filepath.Join(dir, "console.log"), qmp: filepath.Join(dir, "qmp"), done: make(chan struct{})}
	args := []string{
		"-machine", "q35", "-cpu", "max", "-smp", "2", "-m", "2048",
		"-display", "none", "-no-reboot", "-nodefaults",
		"-qmp", "unix:" + m.qmp + ",server=on,wait=off",
		"-serial", "file:" + m.console,
		"-drive", "if=pflash,format=raw,readonly=on,file=" + code,
		"-drive", "if=pflash,format=raw,file=" + ownVars,
		"-cdrom", iso,
		"-netdev", "user,id=net0,hostfwd=tcp:" + m.endpoint + "-:50000",
		"-device", "virtio-net-pci,netdev=net0",
		"-device", "virtio-rng-pci",
	}

	if extra := strings.Fields(os.Getenv("AKMON_QEMU_ARGS")); len(extra) > 0 {
		args = append(args, extra...)
	} else {
		args = append(args, "-accel", "tcg,thread=multi")
	}

	var output strings.Builder

	// Not CommandContext: it must outlive the test's context until the clean-up.
	process := exec.Command(qemu, args...)
	process.Stdout, process.Stderr = &output, &output

	if err := process.Start(); err != nil {
		t.Fatal(err)
	}

	go func() {
		m.err = process.Wait()
		if m.err != nil {
			m.err = fmt.Errorf("%w: %s", m.err, output.String())
		}

		close(m.done)
	}()

	t.Cleanup(func() {
		select {
		case <-m.done:
		default:
			process.Process.Kill() //nolint:errcheck // it may just have ended
			<-m.done
		}

		if t.Failed() {
			t.Logf("the end of the console:\n%s", m.tail(200))
		}

		// For people, and for CI to keep.
		if path := os.Getenv("AKMON_CONSOLE_LOG"); path != "" {
			if err := keep(m.console, path); err != nil {
				t.Log(err)
			}
		}
	})

	return m
}

func keep(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}

	return os.WriteFile(to, data, 0o644)
}

func findFirmware() (code, vars string) {
	for _, pair := range firmware {
		if exists(pair[0]) && exists(pair[1]) {
			return pair[0], pair[1]
		}
	}

	return "", ""
}

func exists(path string) bool {
	_, err := os.Stat(path)

	return err == nil
}

// freeAddress finds a port that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	defer listener.Close() //nolint:errcheck // QEMU listens there next

	return listener.Addr().String()
}

// tail is the end of the console, without what would disturb a terminal.
func (m *vm) tail(lines int) string {
	data, err := os.ReadFile(m.console)
	if err != nil {
		return err.Error()
	}

	text := strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' {
			return -1
		}

		return r
	}, string(data))

	all := strings.Split(strings.TrimRight(text, "\n"), "\n")

	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// mayReboot lets the machine start again when it resets. Until then a reset,
// as of a kernel that panics, ends QEMU, so that nobody waits for it.
func (m *vm) mayReboot(ctx context.Context) error {
	var dialer net.Dialer

	conn, err := dialer.DialContext(ctx, "unix", m.qmp)
	if err != nil {
		return fmt.Errorf("reach QEMU's control socket: %w", err)
	}

	defer conn.Close() //nolint:errcheck // nothing is left to say

	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return fmt.Errorf("set a deadline: %w", err)
		}
	}

	// QEMU greets, and answers each command with one object.
	answers := json.NewDecoder(conn)

	for _, command := range []string{
		"",
		`{"execute": "qmp_capabilities"}`,
		`{"execute": "set-action", "arguments": {"reboot": "reset"}}`,
	} {
		if _, err := io.WriteString(conn, command); err != nil {
			return fmt.Errorf("tell QEMU: %w", err)
		}

		var answer struct {
			Error *struct {
				Desc string `json:"desc"`
			} `json:"error"`
		}

		if err := answers.Decode(&answer); err != nil {
			return fmt.Errorf("read QEMU's answer: %w", err)
		}

		if answer.Error != nil {
			return fmt.Errorf("QEMU refuses %s: %s", command, answer.Error.Desc)
		}
	}

	return nil
}

// exited waits for QEMU to end by itself.
func (m *vm) exited(ctx context.Context) error {
	select {
	case <-m.done:
		return m.err
	case <-ctx.Done():
		return errors.New("the machine did not turn itself off")
	}
}

// until repeats try until it succeeds, the machine ends, or ctx does.
func (m *vm) until(ctx context.Context, what string, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}

		select {
		case <-m.done:
			return fmt.Errorf("waiting for %s: QEMU ended: %w", what, errors.Join(m.err, err))
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, err)
		case <-time.After(time.Second):
		}
	}
}
