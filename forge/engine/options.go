package engine

import (
	"fmt"
	"os"
	"path/filepath"
)

// Options say where and how graphs are solved. The zero value is an embedded
// engine in the user's cache directory.
type Options struct {
	// StateDir holds everything that the embedded engine keeps. Empty means
	// DefaultStateDir. It is created with mode 0700.
	StateDir string
	// Builder is the address of a BuildKit daemon. Empty means embedded.
	Builder string
	// TLS is used with a tcp:// Builder.
	TLS TLS
	// Runc is the runtime to execute steps with, a name to look up in PATH or
	// a path. Empty means buildkit-runc, then runc.
	Runc string
	// MaxParallel limits how many steps run at the same time; 0 is no limit.
	MaxParallel int
	// GCKeepBytes is how much cache garbage collection keeps. 0 lets the
	// size of the disk decide.
	GCKeepBytes int64
	// NoWait makes Open fail with a LockedError when another process uses
	// StateDir, instead of waiting for it.
	NoWait bool
	// Conditions are circumstances of steps, for the embedded engine.
	Conditions Conditions
	// Log receives short messages for people: what Open waits for, what it
	// cleaned up. May be nil. It is called from one goroutine at a time.
	Log func(message string)
}

// TLS names the PEM files of a mutually authenticated connection.
type TLS struct {
	// CA verifies the builder; empty means the system's roots.
	CA string
	// Cert and Key identify this side; both or neither.
	Cert, Key string
	// ServerName is the name that the builder's certificate must have; empty
	// means the host in the address.
	ServerName string
}

// DefaultStateDir is $XDG_CACHE_HOME/akmon/engine, or ~/.cache/akmon/engine.
func DefaultStateDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the engine's state directory: %w; set HOME or XDG_CACHE_HOME", err)
	}

	return filepath.Join(cache, "akmon", "engine"), nil
}

// stateDir returns the absolute path of the state directory, with symbolic
// links resolved as far as it exists: mount tables hold resolved paths.
func (o Options) stateDir() (string, error) {
	dir := o.StateDir
	if dir == "" {
		var err error
		if dir, err = DefaultStateDir(); err != nil {
			return "", err
		}
	}

	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("resolving the engine's state directory: %w", err)
	}

	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved
	}

	return dir, nil
}

func (o Options) logf(format string, args ...any) {
	if o.Log != nil {
		o.Log(fmt.Sprintf(format, args...))
	}
}
