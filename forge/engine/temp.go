package engine

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/containerd/containerd/v2/core/mount"
)

// tempDirs are the temporary directories of the engines that are open in this
// process, in the order in which they were opened. TMPDIR is the last of them,
// and what it was before when none is left.
var tempDirs struct {
	sync.Mutex

	open   []string
	before string
	wasSet bool
}

// useTemp sends temporary files, and the mounts that BuildKit makes in the
// temporary directory, to where the janitor finds them.
func useTemp(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("creating the engine's temporary directory: %w", err)
	}

	tempDirs.Lock()
	defer tempDirs.Unlock()

	if len(tempDirs.open) == 0 {
		tempDirs.before, tempDirs.wasSet = os.LookupEnv("TMPDIR")
	}

	tempDirs.open = append(tempDirs.open, dir)

	return setTemp(dir)
}

// leaveTemp undoes useTemp. It does nothing if dir is not in use.
func leaveTemp(dir string) error {
	tempDirs.Lock()
	defer tempDirs.Unlock()

	i := slices.Index(tempDirs.open, dir)
	if i < 0 {
		return nil
	}

	tempDirs.open = slices.Delete(tempDirs.open, i, i+1)

	if n := len(tempDirs.open); n > 0 {
		return setTemp(tempDirs.open[n-1])
	}

	if tempDirs.wasSet {
		return setTemp(tempDirs.before)
	}

	return errors.Join(os.Unsetenv("TMPDIR"), mount.SetTempMountLocation(os.TempDir()))
}

// setTemp also tells containerd, which looks at TMPDIR only once.
func setTemp(dir string) error {
	return errors.Join(os.Setenv("TMPDIR", dir), mount.SetTempMountLocation(dir))
}
