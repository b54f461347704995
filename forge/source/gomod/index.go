package gomod

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/dirhash"

	"github.com/akmon-os/akmon/forge/source"
)

// Indexed is an h1 sum in hexadecimal and the SHA-256 of the file that has it.
type Indexed struct {
	H1     string `json:"h1"`
	SHA256 string `json:"sha256"`
}

// Index lists what the store knows of h1 sums, sorted by them.
func Index(store *source.Store) ([]Indexed, error) {
	dir := filepath.Join(store.Root(), "h1")

	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list Go modules: %w", err)
	}

	var list []Indexed

	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			continue // collected, or being written
		}

		if x := (Indexed{e.Name(), strings.TrimSpace(string(data))}); x.valid() {
			list = append(list, x)
		}
	}

	return list, nil
}

func (x Indexed) valid() bool { return isSum(x.H1) && isSum(x.SHA256) }

func isSum(text string) bool {
	raw, err := hex.DecodeString(text)

	return err == nil && len(raw) == 32 && strings.ToLower(text) == text
}

// Check makes sure that the file at path, a module's zip or a go.mod, has the
// h1 sum.
func (x Indexed) Check(path string) error {
	if !x.valid() {
		return fmt.Errorf("%q and %q are not an h1 sum and a SHA-256 in hexadecimal", x.H1, x.SHA256)
	}

	sums := []func() (string, error){
		func() (string, error) {
			return dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) { return os.Open(path) })
		},
		func() (string, error) { return dirhash.HashZip(path, dirhash.Hash1) },
	}

	for _, sum := range sums {
		// What is no zip has no sum as one.
		if got, err := sum(); err == nil && (Entry{H1: got}).key() == x.H1 {
			return nil
		}
	}

	return fmt.Errorf("the file %s has not the h1 sum %s", x.SHA256, x.H1)
}

// Save notes the sum in the store.
func (x Indexed) Save(store *source.Store) error {
	if err := source.WriteFile(filepath.Join(store.Root(), "h1", x.H1), []byte(x.SHA256+"\n")); err != nil {
		return fmt.Errorf("store the sum of a Go module: %w", err)
	}

	return nil
}

// Have returns the SHA-256 of those of the entries that the store has, without
// any network, and the entries that it has not.
func Have(ctx context.Context, store *source.Store, entries []Entry) (sums []string, missing []Entry, err error) {
	for _, e := range entries {
		meta, err := find(ctx, store, e)

		switch {
		case err == nil:
			sums = append(sums, meta.SHA256)
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, e)
		default:
			return nil, nil, err
		}
	}

	return sums, missing, nil
}
