package engine

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/session"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tonistiigi/fsutil"

	"github.com/akmon-os/akmon/forge/engine/progress"
)

// Image is one graph to solve, and how its result is described as an image.
type Image struct {
	// Definition is the marshalled graph; its result is the root file system.
	Definition *llb.Definition
	// Platform is what the image is for. The zero value is this host's.
	Platform ocispecs.Platform
	// Config is the image configuration (OCI image-spec, config.md), as JSON.
	// Platform fills in architecture and os where they are missing; rootfs
	// and history come from the build. Empty means no entrypoint, no labels.
	Config []byte
}

// Request is one solve.
type Request struct {
	// Images are what to build. One gives a manifest, several (of different
	// platforms) an index. Their graphs may share vertices: those run once.
	Images []Image
	// LocalDirs are the trees that llb.Local sources name.
	LocalDirs map[string]fsutil.FS
	// OCIStores are the layouts that llb.OCILayout sources name.
	OCIStores map[string]content.Store
	// Attach are what steps may ask of this side while they run: secrets, SSH
	// agents. They are used by several goroutines.
	Attach []session.Attachable
	// Exports are what becomes of the result. None: it stays in the cache.
	Exports []Export
	// Compression of the layers; empty means Uncompressed. It is the same in
	// all exports, so that all have the same digest.
	Compression Compression
	// Annotations are put on each image's manifest.
	Annotations map[string]string
	// Epoch is the latest time that any time stamp in the output has. Without
	// it an image is not reproducible.
	Epoch *time.Time
	// NoCache runs every step even if an earlier result is known.
	NoCache bool
	// CacheFrom and CacheTo name caches outside of the engine.
	CacheFrom, CacheTo []Cache
	// Progress is told what happens; may be nil. It is called from one
	// goroutine per Solve.
	Progress progress.Sink
}

// Cache is a cache outside of the engine, in BuildKit's terms: type "local"
// (attributes src, dest), "registry" (ref) or "inline"; mode=max on export
// keeps the results of all steps instead of those of the last.
type Cache struct {
	Type  string
	Attrs map[string]string
}

// Result is what a solve gave.
type Result struct {
	// Digest of the manifest, or of the index if several images were built.
	// Empty if no export makes an image.
	Digest string
	// Descriptor describes what Digest names.
	Descriptor ocispecs.Descriptor
	// Executed and Cached count the commands and file operations of the graph
	// that were run, and that an earlier result stood in for. Inputs that are
	// looked at in every build (local trees, layouts, names of images) are not counted: a build
	// with nothing to do has Executed 0.
	Executed, Cached int
	// Steps are all vertices, in the order in which the builder met them.
	Steps []progress.Step
	// Elapsed is the time from the call to the last export in place.
	Elapsed time.Duration
}

// platform returns the image's normalized platform.
func (i Image) platform() ocispecs.Platform {
	p := i.Platform
	if p.OS == "" && p.Architecture == "" {
		p = platforms.DefaultSpec()
	}

	return platforms.Normalize(p)
}

// config returns the image configuration with the platform filled in.
func (i Image) config() ([]byte, error) {
	fields := map[string]json.RawMessage{}

	if len(i.Config) > 0 {
		if err := json.Unmarshal(i.Config, &fields); err != nil {
			return nil, fmt.Errorf("reading the image configuration: %w", err)
		}
	}

	platform := i.platform()
	defaults := map[string]any{
		"architecture": platform.Architecture,
		"os":           platform.OS,
		"config":       struct{}{},
		"rootfs":       ocispecs.RootFS{Type: "layers", DiffIDs: []digest.Digest{}},
	}

	if platform.Variant != "" {
		defaults["variant"] = platform.Variant
	}

	for name, value := range defaults {
		if _, ok := fields[name]; ok {
			continue
		}

		text, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("writing the image configuration: %w", err)
		}

		fields[name] = text
	}

	// Map keys are written in order, so this is deterministic.
	return json.Marshal(fields)
}
