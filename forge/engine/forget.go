package engine

import (
	"fmt"

	"github.com/moby/buildkit/cache"
	"github.com/moby/buildkit/cache/contenthash"
	"github.com/moby/buildkit/solver/llbsolver/mounts"
)

// recordID is a cache record of which only the identity matters.
type recordID struct {
	cache.RefMetadata

	id string
}

func (r recordID) ID() string { return r.id }

// forget drops what BuildKit keeps in package variables about this engine's
// records: an engine that is opened later in this process on the same state
// would find handles of closed databases there.
func (e *embedded) forget() error {
	items, err := e.worker.MetadataStore.All()
	if err != nil {
		return fmt.Errorf("listing the cache: %w", err)
	}

	for _, item := range items {
		contenthash.ClearCacheContext(recordID{id: item.ID()})
	}

	locker := mounts.CacheMountsLocker()

	locker.Lock()
	defer locker.Unlock()

	mounts.ClearActiveCacheMounts()

	return nil
}
