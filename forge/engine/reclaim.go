package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/cmd/buildkitd/config"
	"github.com/moby/buildkit/util/disk"
)

// Keys of BuildKit's cache records (cache/metadata.go).
const (
	keyDescription  = "cache.description"
	keyEqualMutable = "cache.equalMutable"
)

// stepOutput is how the description of a record begins that holds what a
// command wrote.
const stepOutput = "mount "

const (
	// reclaimTries times reclaimPause is how long the solver may take to let
	// go of what a failed step wrote.
	reclaimTries = 20
	reclaimPause = 50 * time.Millisecond
	// gcInterval is the least time between two automatic collections.
	gcInterval = time.Hour
	// gcPatience is how long an automatic collection may delay Close.
	gcPatience = time.Minute
)

// dropFailed deletes what failed and cancelled steps had written. BuildKit
// keeps that for a debugger that could look at it, and then as cache that
// nothing can ever hit: after a full disk, the very files that filled it.
func (e *embedded) dropFailed(ctx context.Context) error {
	if free, ok := freeBytes(e.dir); ok && free < reserveBytes {
		dropReserve(e.dir)
	}

	defer holdReserve(e.dir)

	for range reclaimTries {
		ids, err := e.orphans()
		if err != nil {
			return err
		}

		if len(ids) == 0 {
			break
		}

		filters := make([]string, len(ids))
		for i, id := range ids {
			filters[i] = "id==" + id
		}

		if err := e.worker.Prune(ctx, nil, client.PruneInfo{Filter: filters}); err != nil {
			return fmt.Errorf("deleting what failed steps wrote: %w", err)
		}

		if ids, err = e.orphans(); err == nil && len(ids) == 0 {
			break
		}

		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(reclaimPause):
		}
	}

	// What is left belongs to another solve that is in the middle of a step,
	// or the next collection gets it. Snapshots that no record names any more
	// (as when there was no room to write one) go now.
	if err := e.worker.GarbageCollect(ctx); err != nil {
		return fmt.Errorf("deleting what failed steps wrote: %w", err)
	}

	return nil
}

// orphans lists the records of step outputs that are no result of a step.
func (e *embedded) orphans() ([]string, error) {
	items, err := e.worker.MetadataStore.All()
	if err != nil {
		return nil, fmt.Errorf("listing the cache: %w", err)
	}

	isResult := func(id string) (found bool, err error) {
		err = e.cache.WalkIDsByResult(e.worker.ID()+"::"+id, func(string) error {
			found = true

			return nil
		})

		return found, err
	}

	var ids []string

	// A result may still be stored as the writable layer that the step wrote
	// to; then the layer's own record must stay, too.
	wanted := map[string]bool{}

	for _, item := range items {
		var description, layer string
		if v := item.Get(keyDescription); v == nil || v.Unmarshal(&description) != nil || !strings.HasPrefix(description, stepOutput) {
			continue
		}

		result, err := isResult(item.ID())
		if err != nil {
			return nil, fmt.Errorf("reading the cache index: %w", err)
		}

		if !result {
			ids = append(ids, item.ID())

			continue
		}

		if v := item.Get(keyEqualMutable); v != nil && v.Unmarshal(&layer) == nil {
			wanted[layer] = true
		}
	}

	kept := ids[:0]

	for _, id := range ids {
		if !wanted[id] {
			kept = append(kept, id)
		}
	}

	return kept, nil
}

// gcPolicy is what automatic collection keeps: sources that can be read again
// for two days, the rest within keep bytes, or within a share of the disk if
// keep is 0.
func gcPolicy(dir string, keep int64) []client.PruneInfo {
	// Without numbers the shares of the disk are 0, and then nothing goes.
	stat, _ := disk.GetDiskStat(dir)

	limits := config.GCConfig{}
	if keep > 0 {
		limits.GCMaxUsedSpace = config.DiskSpace{Bytes: keep}
	}

	var list []client.PruneInfo

	for _, rule := range config.DefaultGCPolicy(limits, stat) {
		list = append(list, client.PruneInfo{
			Filter:        rule.Filters,
			All:           rule.All,
			KeepDuration:  rule.KeepDuration.Duration,
			ReservedSpace: rule.ReservedSpace.AsBytes(stat),
			MaxUsedSpace:  rule.MaxUsedSpace.AsBytes(stat),
			MinFreeSpace:  rule.MinFreeSpace.AsBytes(stat),
		})
	}

	return list
}

// collect runs automatic garbage collection, unless it ran within the last
// hour. It runs when nothing else does: before Close.
func (e *embedded) collect(keep int64) error {
	stamp := filepath.Join(e.dir, "gc.stamp")
	if info, err := os.Stat(stamp); err == nil && time.Since(info.ModTime()).Abs() < gcInterval {
		return nil
	}

	ctx, cancel := context.WithTimeout(context.Background(), gcPatience)
	defer cancel()

	err := e.worker.Prune(ctx, nil, gcPolicy(e.dir, keep)...)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("collecting garbage: %w", err)
	}

	if err := forgetOldMemos(e.worker.memos); err != nil {
		return err
	}

	if err := os.WriteFile(stamp, nil, 0o600); err != nil {
		return fmt.Errorf("noting the garbage collection: %w", err)
	}

	return nil
}
