package modules

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/akmon-os/akmon/runtime/kernelargs"
)

// sysModule is where the kernel shows its modules.
const sysModule = "/sys/module"

// fileCompressed is MODULE_INIT_COMPRESSED_FILE (include/uapi/linux/module.h):
// the kernel unpacks the module itself.
const fileCompressed = 4

// Loader loads modules into the kernel. It is safe for concurrent use.
type Loader struct {
	Tree Tree
	// Args are the kernel's own: `MODULE.PARAMETER=VALUE` goes to the module, and
	// the modules of `modprobe.blacklist=A,B` are not loaded for hardware's sake.
	Args kernelargs.Args

	// insert is what a test puts in the place of the kernel.
	insert func(path, params string) error
	loaded func(name string) bool
}

// Failure is a module that could not be loaded.
type Failure struct {
	Module string
	Err    error
}

// Error implements error.
func (f *Failure) Error() string { return fmt.Sprintf("load module %s: %v", f.Module, f.Err) }

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Load loads the modules that the names want, several at a time, and waits for
// them. What fails is in the joined error, as *Failure each, and doesn't keep
// others from being loaded. Names that no module answers to, modules that are
// there already and modules whose hardware is missing (ENODEV) are no failures.
func (l *Loader) Load(ctx context.Context, names ...string) error {
	plans, err := l.Tree.Resolve(names...)
	if err != nil {
		return err
	}

	blacklist := l.blacklist()
	for _, n := range names {
		// What is asked for by its own name is meant.
		delete(blacklist, normalize(n))
	}

	// Drivers spend their time waiting for hardware rather than computing.
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU() * 2)

	var (
		mu   sync.Mutex
		errs []error
	)

	for _, p := range plans {
		if blacklist[p.Target().Name] {
			continue
		}

		g.Go(func() error {
			if ctx.Err() != nil {
				return nil
			}

			if err := l.run(p, nil); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}

			return nil
		})
	}

	g.Wait() //nolint:errcheck // collected above

	return errors.Join(errs...)
}

// LoadWith loads one module by its name, with parameters (NAME=VALUE) before
// those of the kernel command line. A name that is neither a module's nor an
// alias is fine: what it means may be built in.
func (l *Loader) LoadWith(name string, params []string) error {
	plans, err := l.Tree.Resolve(name)
	if err != nil {
		return err
	}

	var errs []error
	for _, p := range plans {
		errs = append(errs, l.run(p, params))
	}

	return errors.Join(errs...)
}

// run carries out a plan; params are for its target.
func (l *Loader) run(p Plan, params []string) error {
	insert, loaded := l.insert, l.loaded
	if insert == nil {
		insert, loaded = finit, live
	}

	for _, m := range p {
		if loaded(m.Name) {
			continue
		}

		all := l.params(m.Name)
		if m == p.Target() {
			all = strings.TrimSpace(strings.Join(params, " ") + " " + all)
		}

		err := insert(m.Path, all)

		switch {
		case err == nil, errors.Is(err, unix.EEXIST):
		case m.Soft:
		case errors.Is(err, unix.ENODEV):
			return nil // without its hardware, what needs this module has none either
		default:
			return &Failure{Module: m.Name, Err: err}
		}
	}

	return nil
}

func (l *Loader) blacklist() map[string]bool {
	out := map[string]bool{}

	for _, list := range l.Args.All("modprobe.blacklist") {
		for name := range strings.SplitSeq(list, ",") {
			out[normalize(name)] = true
		}
	}

	return out
}

// params are a module's parameters on the kernel command line.
func (l *Loader) params(name string) string {
	var out kernelargs.Args

	for _, a := range l.Args {
		module, param, ok := strings.Cut(a.Name, ".")
		if ok && normalize(module) == name {
			out = append(out, kernelargs.Arg{Name: param, Value: a.Value, HasValue: a.HasValue})
		}
	}

	return out.String()
}

// live says whether a module is loaded and has ended its own start.
func live(name string) bool {
	state, err := os.ReadFile(filepath.Join(sysModule, name, "initstate"))

	return err == nil && strings.TrimSpace(string(state)) == "live"
}

func finit(path, params string) error {
	f, err := os.Open(path)
	if err != nil {
		return err //nolint:wrapcheck // says what and where
	}
	defer f.Close() //nolint:errcheck

	flags := 0
	if !strings.HasSuffix(path, ".ko") {
		flags = fileCompressed
	}

	return unix.FinitModule(int(f.Fd()), params, flags) //nolint:wrapcheck // the caller does
}
