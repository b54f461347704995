package source

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// An exported store is a tar of the files sha256/<hex>, each after its
// meta/<hex>.json, and of the h1 entries of Go modules. Times and owners are
// constant: the same contents give the same tar.

// Export writes the files with these SHA-256 to w as one tar; all files if
// none are named.
func (s *Store) Export(ctx context.Context, w io.Writer, sums []string) error {
	if len(sums) == 0 {
		var err error
		if sums, err = s.sums(); err != nil {
			return err
		}
	}

	out := tar.NewWriter(w)
	exported := map[string]bool{}

	for _, sum := range sums {
		meta, err := s.Lookup(ctx, sum)
		if err != nil {
			return fmt.Errorf("export store: %w", err)
		}

		if err := s.exportOne(ctx, out, meta); err != nil {
			return fmt.Errorf("export store: %s: %w", sum, err)
		}

		exported[sum] = true
	}

	index, err := os.ReadDir(filepath.Join(s.root, "h1"))
	if err != nil {
		return fmt.Errorf("export store: %w", err)
	}

	for _, e := range index {
		data, err := os.ReadFile(filepath.Join(s.root, "h1", e.Name()))
		if err != nil || !exported[strings.TrimSpace(string(data))] || !validHex(e.Name(), 64) {
			continue
		}

		if err := writeEntry(out, "h1/"+e.Name(), int64(len(data)), strings.NewReader(string(data))); err != nil {
			return fmt.Errorf("export store: %w", err)
		}
	}

	if err := out.Close(); err != nil {
		return fmt.Errorf("export store: %w", err)
	}

	return nil
}

func (s *Store) exportOne(ctx context.Context, out *tar.Writer, meta Meta) error {
	meta.Inode = 0 // of this file system only

	data, err := json.Marshal(meta)
	if err != nil {
		return err
	}

	if err := writeEntry(out, "meta/"+meta.SHA256+".json", int64(len(data)), strings.NewReader(string(data))); err != nil {
		return err
	}

	f, err := os.Open(s.Path(meta.SHA256))
	if err != nil {
		return err
	}
	defer f.Close()

	return writeEntry(out, "sha256/"+meta.SHA256, meta.Size, contextReader{ctx, f})
}

func writeEntry(out *tar.Writer, name string, size int64, r io.Reader) error {
	if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size, ModTime: epoch}); err != nil {
		return err
	}

	_, err := io.Copy(out, r)

	return err
}

// maxRecord bounds the small entries of an exported store, in bytes.
const maxRecord = 64 << 10

// Import takes in what Export wrote and returns how many files the store did
// not have before. Every file is hashed; one that is not what its name says is
// an error, and what came before it stays. Go modules are found again by the
// h1 entries, which are trusted as the tar is.
func (s *Store) Import(ctx context.Context, r io.Reader) (added int, err error) {
	notes := map[string]Meta{}

	for in := tar.NewReader(r); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return added, nil
		}

		if err != nil {
			return added, fmt.Errorf("import store: %w", err)
		}

		fresh, err := s.importEntry(ctx, header, in, notes)
		if err != nil {
			return added, fmt.Errorf("import store: %s: %w", header.Name, err)
		}

		if fresh {
			added++
		}
	}
}

func (s *Store) importEntry(ctx context.Context, h *tar.Header, r io.Reader, notes map[string]Meta) (fresh bool, err error) {
	dir, name, _ := strings.Cut(h.Name, "/")
	sum := strings.TrimSuffix(name, ".json")

	if h.Typeflag != tar.TypeReg || !validHex(sum, 64) {
		return false, errors.New("this is not an entry of an exported store")
	}

	switch dir {
	case "meta", "h1":
		data, err := io.ReadAll(io.LimitReader(r, maxRecord+1))
		if err != nil {
			return false, err
		}

		if len(data) > maxRecord {
			return false, errors.New("the entry is too large")
		}

		if dir == "meta" {
			var note Meta
			if err := json.Unmarshal(data, &note); err != nil {
				return false, err
			}

			notes[sum] = note

			return false, nil
		}

		if !validHex(strings.TrimSpace(string(data)), 64) {
			return false, errors.New("the entry does not hold a SHA-256")
		}

		return false, WriteFile(filepath.Join(s.root, "h1", sum), data)
	case "sha256":
		return s.importFile(ctx, sum, r, notes[sum])
	default:
		return false, errors.New("this is not an entry of an exported store")
	}
}

func (s *Store) importFile(ctx context.Context, sum string, r io.Reader, note Meta) (fresh bool, err error) {
	if _, err := s.Lookup(ctx, sum); err == nil {
		return false, nil
	}

	tmp, err := os.CreateTemp(filepath.Join(s.root, "partial"), "add-*")
	if err != nil {
		return false, err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()

	sink := newSink(tmp)
	if _, err := io.Copy(sink, contextReader{ctx, r}); err != nil {
		return false, err
	}

	sums := sink.sums()
	if sums.SHA256 != sum {
		return false, fmt.Errorf("the contents have the SHA-256 %s", sums.SHA256)
	}

	_, err = s.commit(tmp, sums, Meta{Package: note.Package, URL: note.URL})

	return err == nil, err
}
