package image

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/akmon-os/akmon/forge/source"
)

// Record says what a tag meant when it was last asked for.
type Record struct {
	Ref    string `json:"ref"`
	Digest string `json:"digest"`
}

func recordDir(store *source.Store) string { return filepath.Join(store.Root(), "images") }

func (r Record) path(store *source.Store) string {
	sum := sha256.Sum256([]byte(r.Ref))

	return filepath.Join(recordDir(store), hex.EncodeToString(sum[:])+".json")
}

// Validate refuses a record that could not have been written by this package.
func (r Record) Validate() error {
	ref, err := Parse(r.Ref)
	if err != nil {
		return err
	}

	if ref.String() != r.Ref || ref.Digest() != "" {
		return fmt.Errorf("%q is not a full reference with a tag", r.Ref)
	}

	if d := digest.Digest(r.Digest); d.Validate() != nil || d.Algorithm() != digest.SHA256 {
		return fmt.Errorf("%q is not a digest", r.Digest)
	}

	return nil
}

// Save puts the record into the store.
func (r Record) Save(store *source.Store) error {
	if err := r.Validate(); err != nil {
		return fmt.Errorf("note what %s means: %w", r.Ref, err)
	}

	data, err := json.Marshal(r)
	if err == nil {
		err = os.MkdirAll(recordDir(store), 0o755)
	}

	if err == nil {
		err = source.WriteFile(r.path(store), append(data, '\n'))
	}

	if err != nil {
		return fmt.Errorf("note what %s means: %w", r.Ref, err)
	}

	return nil
}

func remember(store *source.Store, ref Reference, digest string) error {
	record := Record{Ref: ref.String(), Digest: digest}

	if known, err := Recorded(store, ref); err == nil && known == digest {
		return nil
	}

	return record.Save(store)
}

// Recorded tells which digest a tag meant when it was last asked for;
// fs.ErrNotExist if the store does not know.
func Recorded(store *source.Store, ref Reference) (string, error) {
	r := Record{Ref: ref.String()}

	known, err := readRecord(r.path(store))
	if err != nil {
		return "", err
	}

	if known.Ref != r.Ref {
		return "", fmt.Errorf("what %s means: %w", ref, fs.ErrNotExist)
	}

	return known.Digest, nil
}

// readRecord takes a damaged record for none: asking again makes a new one.
func readRecord(path string) (Record, error) {
	var r Record

	data, err := os.ReadFile(path)
	if err != nil {
		return r, fmt.Errorf("read what a tag means: %w", err)
	}

	if json.Unmarshal(data, &r) != nil || r.Validate() != nil {
		return Record{}, fmt.Errorf("%s is damaged: %w", path, fs.ErrNotExist)
	}

	return r, nil
}

// Records lists what the store knows of tags, sorted by reference.
func Records(store *source.Store) ([]Record, error) {
	paths, err := recordFiles(store)
	if err != nil {
		return nil, err
	}

	var records []Record

	for _, path := range paths {
		if r, err := readRecord(path); err == nil && r.path(store) == path {
			records = append(records, r)
		}
	}

	slices.SortFunc(records, func(a, b Record) int { return strings.Compare(a.Ref, b.Ref) })

	return records, nil
}

// DropRecords removes the records whose image the store does not have, and
// damaged ones.
func DropRecords(store *source.Store) error {
	paths, err := recordFiles(store)
	if err != nil {
		return err
	}

	for _, path := range paths {
		if r, err := readRecord(path); err == nil && r.path(store) == path {
			if _, err := os.Lstat(store.Path(strings.TrimPrefix(r.Digest, algorithm))); err == nil {
				continue
			}
		}

		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget a tag: %w", err)
		}
	}

	return nil
}

func recordFiles(store *source.Store) ([]string, error) {
	entries, err := os.ReadDir(recordDir(store))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}

	if err != nil {
		return nil, fmt.Errorf("list tags: %w", err)
	}

	var paths []string

	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".json") && !strings.HasPrefix(e.Name(), ".") {
			paths = append(paths, filepath.Join(recordDir(store), e.Name()))
		}
	}

	return paths, nil
}
