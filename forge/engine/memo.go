package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/session"
)

// Writing an image whose layers' time stamps are rewritten costs reading,
// writing and hashing all of it, even if nothing was built. So the embedded
// engine remembers which image a result was written as. If the destination
// holds just that image, sound, nothing needs to be written.

const (
	// haveAttr tells the embedded exporter which manifest is at the
	// destination already.
	haveAttr = "akmon.have"
	// memoKey, in the exporter's answer, is the name to remember it under.
	memoKey = "akmon.memo"
	// unchangedKey, in the exporter's answer, says that nothing was written.
	unchangedKey = "akmon.unchanged"
	// memoAge is how long an unused memory is kept.
	memoAge = 60 * 24 * time.Hour
)

// Exporter implements BuildKit's worker interface.
func (w *worker) Exporter(name string, sessions *session.Manager) (exporter.Exporter, error) {
	inner, err := w.Worker.Exporter(name, sessions)
	if err != nil || name != client.ExporterOCI {
		return inner, err
	}

	return &memoExporter{inner: inner, dir: w.memos}, nil
}

type memoExporter struct {
	inner exporter.Exporter
	dir   string
}

// Resolve implements exporter.Exporter.
func (m *memoExporter) Resolve(ctx context.Context, id int, attrs map[string]string) (exporter.ExporterInstance, error) {
	have := attrs[haveAttr]
	attrs = maps.Clone(attrs)
	delete(attrs, haveAttr)

	inner, err := m.inner.Resolve(ctx, id, attrs)
	if err != nil {
		return nil, err
	}

	return &memoInstance{ExporterInstance: inner, dir: m.dir, have: have}, nil
}

type memoInstance struct {
	exporter.ExporterInstance

	dir, have string
}

// Export implements exporter.ExporterInstance.
func (m *memoInstance) Export(ctx context.Context, source *exporter.Source, info exporter.ExportBuildInfo) (map[string]string, exporter.FinalizeFunc, exporter.DescriptorReference, error) {
	key, err := m.key(source)
	if err != nil {
		return nil, nil, nil, err
	}

	if known := readMemo(m.dir, key); m.have != "" && known[exptypes.ExporterImageDigestKey] == m.have {
		known[unchangedKey] = "true"

		return known, nil, nil, nil
	}

	response, finalize, ref, err := m.ExporterInstance.Export(ctx, source, info)
	if err == nil && response != nil {
		response[memoKey] = key
	}

	return response, finalize, ref, err
}

// key names all that decides over the image: the exporter's attributes, the
// configuration, and which immutable cache records hold the file systems.
func (m *memoInstance) key(source *exporter.Source) (string, error) {
	records := map[string]string{}
	if source.Ref != nil {
		records[""] = source.Ref.ID()
	}

	for platform, ref := range source.Refs {
		if ref != nil {
			records[platform] = ref.ID()
		}
	}

	// JSON writes map keys in order.
	data, err := json.Marshal([]any{m.Type(), m.Attrs(), source.Metadata, records})
	if err != nil {
		return "", fmt.Errorf("naming an export: %w", err)
	}

	sum := sha256.Sum256(data)

	return hex.EncodeToString(sum[:]), nil
}

// readMemo returns the exporter's answer of the time, nil if it isn't known.
func readMemo(dir, key string) map[string]string {
	data, err := os.ReadFile(filepath.Join(dir, key))
	if err != nil {
		return nil
	}

	var response map[string]string
	if json.Unmarshal(data, &response) != nil {
		return nil
	}

	return response
}

// remember keeps the exporter's answer. It is called when the export is known
// to be good.
func (e *embedded) remember(response map[string]string) error {
	key := response[memoKey]
	if key == "" || filepath.Base(key) != key {
		return nil
	}

	kept := maps.Clone(response)
	delete(kept, memoKey)

	data, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("noting an export: %w", err)
	}

	// A torn file is not JSON and counts as unknown.
	if err := os.WriteFile(filepath.Join(e.worker.memos, key), data, 0o600); err != nil {
		return fmt.Errorf("noting an export: %w", err)
	}

	return nil
}

// forgetOldMemos deletes what was noted long ago.
func forgetOldMemos(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("reading the notes of exports: %w", err)
	}

	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > memoAge {
			if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil {
				return fmt.Errorf("deleting a note of an export: %w", err)
			}
		}
	}

	return nil
}

// sameNames compares tags without regard to their order.
func sameNames(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
