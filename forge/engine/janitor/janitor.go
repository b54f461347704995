// Package janitor removes what a build engine that died left on its host:
// containers of the OCI runtime, mounts, cgroups and temporary files.
//
// It may only run while the caller holds the lock of the state directory:
// everything that belongs to the directory is then left-over by definition.
package janitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Config says what belongs to the engine.
type Config struct {
	// StateDir is the engine's directory, absolute and without symbolic
	// links: mounts below it or of it are the engine's.
	StateDir string
	// Bundles is the directory below StateDir that has one directory per
	// running container, named by the container's id.
	Bundles string
	// Temp is the directory below StateDir for temporary files; it is
	// emptied.
	Temp string
	// Runtime is the path of the OCI runtime. Empty skips containers.
	Runtime string
	// RuntimeState is where the runtime keeps its containers' state, such as
	// /run/runc.
	RuntimeState string
	// Cgroup is the path, below the root of each cgroup hierarchy, under
	// which all of the engine's cgroups are.
	Cgroup string
}

// Report names what was removed.
type Report struct {
	Containers []string
	Mounts     []string
	Cgroups    []string
	Files      []string
}

// Empty says that nothing had been left.
func (r Report) Empty() bool {
	return len(r.Containers)+len(r.Mounts)+len(r.Cgroups)+len(r.Files) == 0
}

// String counts what was removed, for a message.
func (r Report) String() string {
	var parts []string

	for _, p := range []struct {
		n    int
		name string
	}{
		{len(r.Containers), "container"},
		{len(r.Mounts), "mount"},
		{len(r.Cgroups), "cgroup"},
		{len(r.Files), "temporary file"},
	} {
		switch {
		case p.n == 1:
			parts = append(parts, "1 "+p.name)
		case p.n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", p.n, p.name))
		}
	}

	if parts == nil {
		return "nothing"
	}

	return strings.Join(parts, ", ")
}

// Sweep removes everything that belongs to the engine. It goes on after an
// error and returns all of them, so that one stubborn mount doesn't keep a
// container alive.
func Sweep(ctx context.Context, c Config) (Report, error) {
	var (
		report Report
		errs   []error
	)

	// In this order: a container holds mounts and cgroups, a mount holds
	// files.
	steps := []func() error{
		func() (err error) { report.Containers, err = containers(ctx, c); return err },
		func() (err error) { report.Cgroups, err = cgroups(c.Cgroup); return err },
		func() (err error) { report.Mounts, err = mounts(c.StateDir); return err },
		func() (err error) { report.Files, err = files(c); return err },
	}

	for _, step := range steps {
		if err := step(); err != nil {
			errs = append(errs, err)
		}
	}

	return report, errors.Join(errs...)
}

// containers kills and deletes the engine's containers: those whose bundle is
// (or was, when the runtime tells) in the bundle directory.
func containers(ctx context.Context, c Config) ([]string, error) {
	if c.Runtime == "" {
		return nil, nil
	}

	known, err := names(c.RuntimeState)
	if err != nil || len(known) == 0 {
		return nil, err
	}

	ours := map[string]bool{}

	bundles, err := names(c.Bundles)
	if err != nil {
		return nil, err
	}

	for _, id := range bundles {
		ours[id] = true
	}

	// A container outlives its bundle directory for a moment, so the
	// runtime's own list counts too. It lists what it can even if it fails.
	listCtx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()

	var listed []struct {
		ID     string `json:"id"`
		Bundle string `json:"bundle"`
	}

	if out, err := exec.CommandContext(listCtx, c.Runtime, "list", "--format", "json").Output(); err == nil {
		_ = json.Unmarshal(out, &listed)
	}

	for _, l := range listed {
		if filepath.Dir(l.Bundle) == c.Bundles {
			ours[l.ID] = true
		}
	}

	var (
		removed []string
		errs    []error
	)

	for _, id := range known {
		if !ours[id] {
			continue
		}

		delCtx, cancel := context.WithTimeout(ctx, 20*time.Second)
		out, err := exec.CommandContext(delCtx, c.Runtime, "delete", "--force", id).CombinedOutput()

		cancel()

		// A runtime that was killed while it created a container leaves a
		// directory that it doesn't take for a container itself.
		if rmErr := os.RemoveAll(filepath.Join(c.RuntimeState, id)); rmErr != nil {
			errs = append(errs, fmt.Errorf("deleting container %s: %w: %s", id, errors.Join(err, rmErr), strings.TrimSpace(string(out))))

			continue
		}

		removed = append(removed, id)
	}

	return removed, errors.Join(errs...)
}

// files removes bundles and temporary files. Their mounts are gone by now; if
// one is not, its file system is in danger, so nothing is removed across it.
func files(c Config) ([]string, error) {
	if left, err := below(c.StateDir); err != nil || len(left) > 0 {
		return nil, err
	}

	var (
		removed []string
		errs    []error
	)

	bundles, err := names(c.Bundles)
	if err != nil {
		errs = append(errs, err)
	}

	for _, name := range bundles {
		path := filepath.Join(c.Bundles, name)

		// The bundle directory also holds files that all steps share.
		if _, err := os.Lstat(filepath.Join(path, "rootfs")); err != nil {
			continue
		}

		if err := os.RemoveAll(path); err != nil {
			errs = append(errs, fmt.Errorf("removing a bundle: %w", err))

			continue
		}

		removed = append(removed, path)
	}

	temps, err := names(c.Temp)
	if err != nil {
		errs = append(errs, err)
	}

	for _, name := range temps {
		path := filepath.Join(c.Temp, name)
		if err := os.RemoveAll(path); err != nil {
			errs = append(errs, fmt.Errorf("removing a temporary file: %w", err))

			continue
		}

		removed = append(removed, path)
	}

	return removed, errors.Join(errs...)
}

// names lists a directory; a missing one is empty.
func names(dir string) ([]string, error) {
	if dir == "" {
		return nil, nil
	}

	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}

	if err != nil {
		return nil, fmt.Errorf("looking for left-overs: %w", err)
	}

	list := make([]string, len(entries))
	for i, e := range entries {
		list[i] = e.Name()
	}

	return list, nil
}
