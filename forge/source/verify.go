package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Disposal says what Verify does with a file that is wrong.
type Disposal string

// The ways to dispose of a wrong file.
const (
	Leave      Disposal = ""           // it stays, and is found again
	Remove     Disposal = "remove"     // it is deleted
	Quarantine Disposal = "quarantine" // it is moved to the store's folder quarantine
)

// Problem is something wrong with a store.
type Problem struct {
	// Name is the file, relative to the store.
	Name string `json:"name"`
	// What is wrong with it, for people.
	What string `json:"what"`
	// Package and URL are what it was recorded as, where that is known.
	Package string `json:"package,omitempty"`
	URL     string `json:"url,omitempty"`
	// Done is what was done about it; empty if it was left.
	Done Disposal `json:"done,omitempty"`
}

// Verified is what Verify found.
type Verified struct {
	Files    int       `json:"files"` // looked at, good and bad
	Bytes    int64     `json:"bytes"` // of all of them
	Problems []Problem `json:"problems"`
}

// Verify hashes every file, whatever is recorded of it, and disposes of those
// that are wrong, of files that are none of the store's, and of broken
// records. What was disposed of is fetched anew when it is needed again.
func (s *Store) Verify(ctx context.Context, dispose Disposal) (*Verified, error) {
	entries, err := os.ReadDir(s.Dir())
	if err != nil {
		return nil, fmt.Errorf("verify source store: %w", err)
	}

	found := make([]*Problem, len(entries))
	sizes := make([]int64, len(entries))

	err = s.Each(ctx, len(entries), func(ctx context.Context, i int) error {
		var err error
		found[i], sizes[i], err = s.examine(ctx, entries[i])

		return err
	})
	if err != nil {
		return nil, fmt.Errorf("verify source store: %w", err)
	}

	result := &Verified{Files: len(entries), Problems: []Problem{}}

	for i, p := range found {
		result.Bytes += sizes[i]

		if p != nil {
			result.Problems = append(result.Problems, *p)
		}
	}

	records, err := s.brokenRecords()
	if err != nil {
		return nil, fmt.Errorf("verify source store: %w", err)
	}

	result.Problems = append(result.Problems, records...)

	// What was made of files is no better than they are, and made again.
	if dispose != Leave {
		if err := s.dropMade(nil); err != nil {
			return result, err
		}
	}

	for i := range result.Problems {
		if err := s.dispose(&result.Problems[i], dispose); err != nil {
			return result, fmt.Errorf("verify source store: %w", err)
		}
	}

	return result, nil
}

// examine hashes one file of the store.
func (s *Store) examine(ctx context.Context, e fs.DirEntry) (*Problem, int64, error) {
	problem := &Problem{Name: filepath.Join("sha256", e.Name())}

	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}

	if err != nil {
		return nil, 0, err
	}

	if !validHex(e.Name(), 64) || !info.Mode().IsRegular() {
		problem.What = "it is no file of the store"

		return problem, 0, nil
	}

	meta, recorded := s.readMeta(e.Name())
	problem.Package, problem.URL = meta.Package, meta.URL

	sums, err := hashFile(ctx, s.Path(e.Name()))

	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, nil // collected meanwhile
	case ctx.Err() != nil:
		return nil, 0, err
	case err != nil:
		problem.What = fmt.Sprintf("it cannot be read: %v", err)
	case sums.SHA256 != e.Name():
		problem.What = fmt.Sprintf("its %d bytes have the SHA-256 %s", info.Size(), sums.SHA256)
	case recorded && meta.SHA512 != sums.SHA512:
		problem.Name = filepath.Join("meta", e.Name()+".json")
		problem.What = "it records another SHA-512 than the file has"
	default:
		return nil, info.Size(), nil
	}

	return problem, info.Size(), nil
}

func (s *Store) readMeta(sum string) (Meta, bool) {
	var meta Meta

	data, err := os.ReadFile(s.metaPath(sum))

	return meta, err == nil && json.Unmarshal(data, &meta) == nil && meta.SHA256 == sum
}

// brokenRecords finds side files and index entries that can't be read or whose
// file is gone. A missing side file is no problem: it is made again.
func (s *Store) brokenRecords() ([]Problem, error) {
	var problems []Problem

	for folder, target := range map[string]func(name string, data []byte) string{
		"meta": func(name string, _ []byte) string {
			sum := strings.TrimSuffix(name, ".json")
			if _, ok := s.readMeta(sum); !ok {
				return ""
			}

			return sum
		},
		"h1": func(_ string, data []byte) string { return strings.TrimSpace(string(data)) },
		"images": func(_ string, data []byte) string {
			var record struct{ Digest string }
			if json.Unmarshal(data, &record) != nil {
				return ""
			}

			return strings.TrimPrefix(record.Digest, "sha256:")
		},
	} {
		entries, err := os.ReadDir(filepath.Join(s.root, folder))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}

		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") {
				continue // being written
			}

			data, err := os.ReadFile(filepath.Join(s.root, folder, e.Name()))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}

			if err != nil {
				return nil, err
			}

			name := filepath.Join(folder, e.Name())

			switch sum := target(e.Name(), data); {
			case !validHex(sum, 64):
				problems = append(problems, Problem{Name: name, What: "it is damaged"})
			default:
				if _, err := os.Lstat(s.Path(sum)); errors.Is(err, fs.ErrNotExist) {
					problems = append(problems, Problem{Name: name, What: "the file that it is about is not there"})
				}
			}
		}
	}

	slices.SortFunc(problems, func(a, b Problem) int { return strings.Compare(a.Name, b.Name) })

	return problems, nil
}

// dispose does away with what is wrong, and with the side file of a source.
func (s *Store) dispose(p *Problem, how Disposal) error {
	path := filepath.Join(s.root, p.Name)

	switch how {
	case Remove:
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	case Quarantine:
		place := filepath.Join(s.root, "quarantine", p.Name)

		err := os.MkdirAll(filepath.Dir(place), 0o755)
		if err == nil {
			err = os.RemoveAll(place)
		}

		if err == nil {
			err = os.Rename(path, place)
		}

		if err != nil {
			return err
		}
	default:
		return nil
	}

	p.Done = how

	if sum, ok := strings.CutPrefix(p.Name, "sha256/"); ok {
		return ignoreAbsent(os.Remove(s.metaPath(sum)))
	}

	return nil
}
