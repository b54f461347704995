// Package qemu starts a kernel and an initramfs in a virtual machine, without
// firmware before them, and reads the console while it runs. (The boot test,
// which starts an ISO image by its firmware, has other needs.)
package qemu

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/akmon-os/akmon/test/bench/console"
)

// Program is the emulator.
const Program = "qemu-system-x86_64"

// Config is a virtual machine.
type Config struct {
	Kernel, Initramfs string // files
	Args              string // kernel command line
	Accel             string // of -accel
	CPUs, MiB         int
	// Port is the machine's TCP port that the host reaches at VM.Endpoint.
	Port int
}

// VM is a running machine. Close it.
type VM struct {
	// Endpoint is where the host reaches Config.Port.
	Endpoint string

	events chan Event
	stop   context.CancelFunc
	done   chan struct{}

	mu   sync.Mutex
	last []string // the console's last lines
	err  error    // once done is closed
}

// Event is a line of the console that shows something.
type Event struct {
	console.Line

	Kind console.Event
	// Seen is when the host read it.
	Seen time.Time
}

// keep is how many lines of the console an error shows.
const keep = 30

// Start starts the machine. It ends with ctx at the latest.
func Start(ctx context.Context, c Config) (*VM, error) {
	endpoint, err := freeAddress()
	if err != nil {
		return nil, err
	}

	ctx, stop := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, Program,
		"-machine", "q35", "-cpu", "max", "-accel", c.Accel, "-smp", strconv.Itoa(c.CPUs), "-m", strconv.Itoa(c.MiB),
		"-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
		"-kernel", c.Kernel, "-initrd", c.Initramfs, "-append", c.Args,
		"-netdev", fmt.Sprintf("user,id=net0,hostfwd=tcp:%s-:%d", endpoint, c.Port),
		"-device", "virtio-net-pci,netdev=net0",
		"-device", "virtio-rng-pci",
	)

	var stderr strings.Builder

	cmd.Stderr = &stderr

	out, err := cmd.StdoutPipe()
	if err != nil {
		stop()

		return nil, fmt.Errorf("start the virtual machine: %w", err)
	}

	if err := cmd.Start(); err != nil {
		stop()

		return nil, fmt.Errorf("start the virtual machine: %w", err)
	}

	// Room for all events of a start, so that reading never waits.
	vm := &VM{Endpoint: endpoint, events: make(chan Event, 1024), stop: stop, done: make(chan struct{})}

	go func() {
		defer close(vm.done)
		defer close(vm.events)

		vm.read(bufio.NewReader(out))

		if err := cmd.Wait(); err != nil {
			vm.err = fmt.Errorf("%w: %s", err, stderr.String())
		}
	}()

	return vm, nil
}

func (vm *VM) read(r *bufio.Reader) {
	for {
		text, err := r.ReadString('\n')
		seen := time.Now()

		if text != "" {
			vm.note(strings.TrimRight(text, "\r\n"))
		}

		if line, ok := console.Parse(text); ok {
			if kind := line.Event(); kind != console.None {
				select {
				case vm.events <- Event{line, kind, seen}:
				default: // nobody has read the last thousand
				}
			}
		}

		if err != nil {
			return
		}
	}
}

func (vm *VM) note(text string) {
	vm.mu.Lock()
	defer vm.mu.Unlock()

	vm.last = append(vm.last, text)
	if len(vm.last) > keep {
		vm.last = vm.last[1:]
	}
}

// Until waits for an event and returns the first of every kind up to it.
func (vm *VM) Until(ctx context.Context, kind console.Event) (map[console.Event]Event, error) {
	seen := map[console.Event]Event{}

	for {
		select {
		case e, open := <-vm.events:
			if !open {
				return nil, vm.explain(errors.New("the virtual machine ended too early"))
			}

			if _, have := seen[e.Kind]; !have {
				seen[e.Kind] = e
			}

			if e.Kind == kind {
				return seen, nil
			}
		case <-ctx.Done():
			return nil, vm.explain(fmt.Errorf("waiting for the virtual machine: %w", ctx.Err()))
		}
	}
}

// explain adds how QEMU ended, if it did, and the console's end.
func (vm *VM) explain(err error) error {
	select {
	case <-vm.done:
		err = errors.Join(err, vm.err)
	default:
	}

	vm.mu.Lock()
	defer vm.mu.Unlock()

	return fmt.Errorf("%w; the end of its console:\n%s", err, strings.Join(vm.last, "\n"))
}

// Close kills the machine and waits for its end.
func (vm *VM) Close() {
	vm.stop()
	<-vm.done
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}

	return l.Addr().String(), l.Close()
}

// Version is what the emulator says of itself, such as "7.2.22".
func Version(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, Program, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("look for the emulator: %w", err)
	}

	_, rest, _ := strings.Cut(string(out), "version ")
	if words := strings.Fields(rest); len(words) > 0 {
		return words[0], nil
	}

	return "", fmt.Errorf("%s does not tell its version", Program)
}
