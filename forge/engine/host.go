package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/containerd/containerd/v2/plugins/snapshots/overlay/overlayutils"
	"github.com/moby/sys/userns"

	"github.com/akmon-os/akmon/forge/engine/janitor"
)

// runtimes are the OCI runtimes that are looked for, in order.
var runtimes = []string{"buildkit-runc", "runc"}

// host is what the embedded engine found on the machine that it runs on.
type host struct {
	// runtime is the path of the OCI runtime.
	runtime string
	// rootless: the process is root of a user namespace, not of the host.
	rootless bool
	// snapshotter is "overlayfs", or "native" where overlayfs is missing.
	snapshotter string
	// cgroup is the parent of all cgroups that steps run in; empty when
	// rootless, where the user's own delegation decides.
	cgroup string
}

// examineHost finds out whether and how steps can be executed here. dir must
// exist.
func examineHost(dir, runc string, logf func(string, ...any)) (host, error) {
	h := host{rootless: userns.RunningInUserNS()}

	if os.Geteuid() != 0 {
		return h, &HostError{
			Problem: "steps run in containers, and that needs root",
			Remedy:  "run as root",
		}
	}

	candidates := runtimes
	if runc != "" {
		candidates = []string{runc}
	}

	for _, name := range candidates {
		path, err := exec.LookPath(name)
		if err == nil {
			h.runtime = path

			break
		}
	}

	if h.runtime == "" {
		return h, &HostError{
			Problem: fmt.Sprintf("the OCI runtime %s was not found", candidates[len(candidates)-1]),
			Remedy:  "install the package runc",
		}
	}

	h.snapshotter = "overlayfs"

	if err := overlayutils.Supported(dir); err != nil {
		if !h.rootless && !canMount() {
			return h, &HostError{
				Problem: "this process may not mount file systems (it lacks CAP_SYS_ADMIN)",
				Remedy:  "run with that capability (in a container: privileged)",
			}
		}

		// Correct, but every step copies the whole file system that it
		// starts from.
		h.snapshotter = "native"

		logf("overlayfs does not work in %s (%v): builds will be slow and need more room; another state directory may help", dir, err)
	}

	if !h.rootless {
		h.cgroup = cgroupOf(dir)
	}

	return h, nil
}

// cgroupOf is the cgroup of all steps of the engine with the given state
// directory. It is made and removed with them.
func cgroupOf(dir string) string {
	sum := sha256.Sum256([]byte(dir))

	return "/akmon-" + hex.EncodeToString(sum[:6])
}

// canMount reports whether the process has CAP_SYS_ADMIN.
func canMount() bool {
	const capSysAdmin = 21

	return effectiveCapabilities()&(1<<capSysAdmin) != 0
}

// runtimeState is where runc keeps the state of containers when it is told
// nothing else.
func (h host) runtimeState() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); h.rootless && dir != "" {
		return filepath.Join(dir, "runc")
	}

	return "/run/runc"
}

// janitor describes to package janitor what is the engine's.
func (h host) janitor(dir string) janitor.Config {
	return janitor.Config{
		StateDir:     dir,
		Bundles:      filepath.Join(workerRoot(dir, h.snapshotter), "executor"),
		Temp:         filepath.Join(dir, "tmp"),
		Runtime:      h.runtime,
		RuntimeState: h.runtimeState(),
		Cgroup:       h.cgroup,
	}
}

// workerRoot is where BuildKit's worker keeps its state.
func workerRoot(dir, snapshotter string) string {
	return filepath.Join(dir, "runc-"+snapshotter)
}
