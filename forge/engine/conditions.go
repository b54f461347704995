package engine

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/moby/buildkit/executor"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/sys/user"
)

// Conditions are circumstances of steps that no result may depend on. They are
// no part of the graph: changing them makes no step run again, and only the
// embedded engine can set them. The zero value changes nothing.
type Conditions struct {
	// Hostname is what steps find as the name of the machine.
	Hostname string
	// CPUs are what steps may run on, such as "0" or "0-3" (cpuset(7), list
	// format).
	CPUs string
	// Env is added to the environment of every step, where the step does not
	// set the variable itself.
	Env map[string]string
	// Preload is a library that the dynamic linker of every step loads.
	Preload Preload
}

// Preload is a shared library of this host.
type Preload struct {
	// Library is its path; empty means none. Steps find its directory.
	Library string
	// Needs are the places where steps may have a library that it is linked
	// with: a step without any would not run with it, and so does without.
	Needs []string
	// Env goes with it.
	Env map[string]string
}

// preloadDir is where steps find the library.
const preloadDir = "/.akmon-preload"

// isZero says that nothing is changed.
func (c Conditions) isZero() bool {
	return c.Hostname == "" && c.CPUs == "" && len(c.Env) == 0 && c.Preload.Library == ""
}

// apply changes how a step's container is made.
func (c Conditions) apply(ctx context.Context, root executor.Mount, mounts []executor.Mount, process executor.ProcessInfo) ([]executor.Mount, executor.ProcessInfo, error) {
	if c.isZero() {
		return mounts, process, nil
	}

	meta := &process.Meta

	if c.Hostname != "" && meta.Hostname == "" {
		meta.Hostname = c.Hostname
	}

	if c.CPUs != "" {
		limited := &pb.LinuxResources{}
		if meta.LinuxResources != nil {
			limited = meta.LinuxResources.CloneVT()
		}

		limited.CpusetCpus = c.CPUs
		meta.LinuxResources = limited
	}

	meta.Env = withEnv(meta.Env, c.Env)

	if c.Preload.Library == "" {
		return mounts, process, nil
	}

	able, err := hasAny(ctx, root, c.Preload.Needs)
	if err != nil || !able {
		return mounts, process, err
	}

	meta.Env = withEnv(meta.Env, c.Preload.Env)
	meta.Env = withEnv(meta.Env, map[string]string{"LD_PRELOAD": filepath.Join(preloadDir, filepath.Base(c.Preload.Library))})
	mounts = append(slices.Clip(mounts), executor.Mount{Src: hostDir(filepath.Dir(c.Preload.Library)), Dest: preloadDir, Readonly: true})

	return mounts, process, nil
}

// withEnv adds variables that are not set.
func withEnv(env []string, more map[string]string) []string {
	env = slices.Clip(env)

	for _, name := range slices.Sorted(maps.Keys(more)) {
		if !slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") }) {
			env = append(env, name+"="+more[name])
		}
	}

	return env
}

// hasAny tells whether a step's root has one of the files. It looks into the
// directories that the root will be mounted from.
func hasAny(ctx context.Context, root executor.Mount, files []string) (bool, error) {
	mountable, err := root.Src.Mount(ctx, true)
	if err != nil {
		return false, fmt.Errorf("looking at the root of a step: %w", err)
	}

	mounts, release, err := mountable.Mount()
	if err != nil {
		return false, fmt.Errorf("looking at the root of a step: %w", err)
	}

	found := slices.ContainsFunc(mountedDirs(mounts), func(dir string) bool {
		return slices.ContainsFunc(files, func(file string) bool {
			_, err := os.Lstat(filepath.Join(dir, file))

			return err == nil
		})
	})

	if release != nil {
		err = release()
	}

	return found, err
}

// mountedDirs are the directories of bind and overlay mounts.
func mountedDirs(mounts []mount.Mount) []string {
	var dirs []string

	for _, m := range mounts {
		if m.Type != "overlay" {
			dirs = append(dirs, m.Source)

			continue
		}

		for _, option := range m.Options {
			if list, ok := strings.CutPrefix(option, "lowerdir="); ok {
				dirs = append(dirs, strings.Split(list, ":")...)
			}

			if dir, ok := strings.CutPrefix(option, "upperdir="); ok {
				dirs = append(dirs, dir)
			}
		}
	}

	return dirs
}

// hostDir is a directory of the host, as BuildKit's executor mounts it.
type hostDir string

// Mount implements executor.Mountable.
func (d hostDir) Mount(context.Context, bool) (executor.MountableRef, error) {
	return hostMount(d), nil
}

type hostMount string

// Mount implements executor.MountableRef.
func (m hostMount) Mount() ([]mount.Mount, func() error, error) {
	bind := mount.Mount{Type: "bind", Source: string(m), Options: []string{"rbind", "ro"}}

	return []mount.Mount{bind}, func() error { return nil }, nil
}

// IdentityMapping implements executor.MountableRef.
func (m hostMount) IdentityMapping() *user.IdentityMapping { return nil }

// checkConditions refuses conditions that can't be set.
func (o Options) checkConditions() error {
	if o.Builder != "" && !o.Conditions.isZero() {
		return fmt.Errorf("the conditions of steps can't be set at %s", o.Builder)
	}

	return nil
}
