package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/akmon-os/akmon/forge/engine/janitor"
)

// Usage is what an engine's cache holds.
type Usage struct {
	// StateDir is empty for a remote builder.
	StateDir string
	// Free is the room left on the disk of StateDir, in bytes.
	Free int64
	// Bytes is the size of all records, Reclaimable that of those which
	// nothing uses now.
	Bytes, Reclaimable int64
	// Records are all records, the biggest first.
	Records []Record
}

// Record is one thing in the cache.
type Record struct {
	ID string
	// Kind is BuildKit's: regular (results of steps), source.local,
	// source.git.checkout, exec.cachemount, frontend, internal.
	Kind        string
	Description string
	Bytes       int64
	InUse       bool
	Shared      bool
	Created     time.Time
	// LastUsed is zero if it was never used again.
	LastUsed time.Time
}

// Status measures the cache. It takes longer the first time after a build, as
// sizes are found out then.
func (e *Engine) Status(ctx context.Context) (*Usage, error) {
	list, err := e.client.DiskUsage(ctx)
	if err != nil {
		return nil, fmt.Errorf("measuring the cache: %w", err)
	}

	usage := &Usage{StateDir: e.StateDir()}
	if usage.StateDir != "" {
		usage.Free, _ = freeBytes(usage.StateDir)
	}

	for _, info := range list {
		record := Record{
			ID: info.ID, Kind: string(info.RecordType), Description: info.Description, Bytes: info.Size,
			InUse: info.InUse, Shared: info.Shared, Created: info.CreatedAt,
		}
		if info.LastUsedAt != nil {
			record.LastUsed = *info.LastUsedAt
		}

		usage.Records = append(usage.Records, record)
		usage.Bytes += info.Size

		if !info.InUse {
			usage.Reclaimable += info.Size
		}
	}

	sort.SliceStable(usage.Records, func(i, j int) bool { return usage.Records[i].Bytes > usage.Records[j].Bytes })

	return usage, nil
}

// Free is the room left on the disk of a directory, in bytes; 0 where that
// can't be found out.
func Free(dir string) int64 {
	free, _ := freeBytes(dir)

	return free
}

// GCOptions say what GC keeps.
type GCOptions struct {
	// KeepBytes is how much to keep, the most recently used first. 0 deletes
	// everything that is not in use.
	KeepBytes int64
	// KeepFor keeps what was used within this time.
	KeepFor time.Duration
}

// GCResult is what GC deleted.
type GCResult struct {
	Records int
	Bytes   int64
}

// GC deletes what nothing uses now.
func (e *Engine) GC(ctx context.Context, options GCOptions) (*GCResult, error) {
	result := &GCResult{}
	deleted, done := make(chan client.UsageInfo), make(chan struct{})

	go func() {
		defer close(done)

		for info := range deleted {
			result.Records++
			result.Bytes += info.Size
		}
	}()

	err := e.client.Prune(ctx, deleted, client.PruneAll, client.WithKeepOpt(options.KeepFor, 0, options.KeepBytes, 0))

	close(deleted)
	<-done

	if err != nil {
		return result, fmt.Errorf("deleting from the cache: %w", err)
	}

	return result, nil
}

// Reset deletes all state of the embedded engine. It waits for a process that
// uses it, or fails with a LockedError if Options.NoWait. A state directory
// that does not look like one is left alone.
func Reset(ctx context.Context, options Options) (err error) {
	dir, err := options.stateDir()
	if err != nil {
		return err
	}

	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || (err == nil && len(entries) == 0) {
		return nil
	}

	if err != nil {
		return fmt.Errorf("reading the engine's state directory: %w", err)
	}

	if _, err := os.Lstat(filepath.Join(dir, lockName)); err != nil {
		return fmt.Errorf("%s is not an engine's state directory: it has no %s", dir, lockName)
	}

	lock, err := lockState(ctx, dir, options.NoWait, options.logf)
	if err != nil {
		return fmt.Errorf("resetting the engine: %w", err)
	}

	defer func() { err = errors.Join(err, lock.release()) }()

	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return fmt.Errorf("resolving the engine's state directory: %w", err)
	}

	h, err := examineHost(dir, options.Runc, options.logf)
	if err != nil {
		return fmt.Errorf("resetting the engine: %w", err)
	}

	if err := h.useRuntimeDir(dir); err != nil {
		return fmt.Errorf("resetting the engine: %w", err)
	}

	if _, err := janitor.Sweep(ctx, h.janitor(dir)); err != nil {
		return fmt.Errorf("resetting the engine: %w", err)
	}

	if entries, err = os.ReadDir(dir); err != nil {
		return fmt.Errorf("reading the engine's state directory: %w", err)
	}

	for _, entry := range entries {
		// Who waits for the lock must find the same file.
		if entry.Name() == lockName {
			continue
		}

		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return fmt.Errorf("resetting the engine: %w", err)
		}
	}

	return nil
}
