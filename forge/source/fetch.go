package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Source is a file that a recipe asks for.
type Source struct {
	Package  string // the package that wants it, for messages
	URL      string // its permanent URL: http, https or file
	SHA256   string // lower-case hexadecimal
	SHA512   string // the same; empty where an index gives SHA-256 only (recipes must give both)
	Position string // file:line:column of the source in its recipe, for messages; may be empty
}

// Label is how messages call the source: its position and package.
func (s Source) Label() string { return s.label() }

func (s Source) label() string {
	switch {
	case s.Position != "" && s.Package != "":
		return s.Position + ": " + s.Package
	case s.Position != "":
		return s.Position
	case s.Package != "":
		return s.Package
	default:
		return "source"
	}
}

func (s Source) validate() error {
	switch {
	case !validHex(s.SHA256, 64):
		return fmt.Errorf("%s: sha256 of %s is %q, want 64 lower-case hexadecimal digits", s.label(), redact(s.URL), s.SHA256)
	case s.SHA512 != "" && !validHex(s.SHA512, 128):
		return fmt.Errorf("%s: sha512 of %s is %q, want 128 lower-case hexadecimal digits", s.label(), redact(s.URL), s.SHA512)
	}

	return nil
}

// Fetch returns the path of the source in the store, downloading it if it is
// not there: from the mirrors in their order, then from its URL. The error is
// a *FetchError with every place that was tried, or a *SumError when the store
// holds the file but its SHA-512 is not the wanted one.
func (s *Store) Fetch(ctx context.Context, src Source) (string, error) {
	if err := src.validate(); err != nil {
		return "", err
	}

	meta, err := s.obtain(ctx, Wanted{
		Source: src,
		Name:   src.SHA256,
		Places: s.Places(src.URL),
		Find:   func(ctx context.Context) (Meta, error) { return s.find(ctx, src) },
		Check: func(from, _ string, got Sums) error {
			if got.SHA256 != src.SHA256 || (src.SHA512 != "" && got.SHA512 != src.SHA512) {
				return &SumError{Source: src, URL: from, Got: got}
			}

			return nil
		},
	})
	if err != nil {
		return "", err
	}

	return s.Path(meta.SHA256), nil
}

// Places returns where a URL is tried, in this order: at mirrors, then itself.
func (s *Store) Places(url string) []string {
	if s.opts.Mirrors == nil {
		return []string{url}
	}

	return append(s.opts.Mirrors.Rewrite(url), url)
}

// FetchAll fetches all sources, some at a time, and returns their paths in the
// order of srcs. Failure of one does not stop the others; the error joins all
// failures in the order of srcs.
func (s *Store) FetchAll(ctx context.Context, srcs []Source) ([]string, error) {
	paths := make([]string, len(srcs))

	err := s.Each(ctx, len(srcs), func(ctx context.Context, i int) (err error) {
		paths[i], err = s.Fetch(ctx, srcs[i])

		return err
	})

	return paths, err
}

// Each calls f for 0 to n-1, Options.Parallel at a time, and joins the errors
// in the order of i.
func (s *Store) Each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	var group errgroup.Group

	group.SetLimit(s.opts.Parallel)

	errs := make([]error, n)

	for i := range n {
		group.Go(func() error {
			// Once cancelled, one message is enough.
			if ctx.Err() == nil {
				errs[i] = f(ctx, i)
			}

			return nil
		})
	}

	group.Wait() //nolint:errcheck // the functions return nil, errs has their errors

	if err := ctx.Err(); err != nil {
		return fmt.Errorf("fetch sources: %w", context.Cause(ctx))
	}

	return errors.Join(errs...)
}

// Wanted describes a file to obtain when its SHA-256 may not be known
// beforehand, as with Go modules, which are known by another sum.
type Wanted struct {
	Source Source   // for messages and the record
	Name   string   // one file name, the same for the same file: names the download under way
	Places []string // URLs to try, best first

	// Fresh drops what an earlier download left half-done: for a URL whose
	// contents change.
	Fresh bool
	// Find looks in the store; it returns fs.ErrNotExist for an absent file.
	// nil means that the file is downloaded in any case.
	Find func(ctx context.Context) (Meta, error)
	// Check decides whether the complete download at path, from the place
	// from, is what is wanted.
	Check func(from, path string, got Sums) error
	// Next tells whether after this failure the following place may be tried;
	// nil means always.
	Next func(place int, err error) bool
}

// Obtain finds or downloads a file. Fetch is Obtain for a file with known sums.
func (s *Store) Obtain(ctx context.Context, w Wanted) (Meta, error) { return s.obtain(ctx, w) }

func (s *Store) obtain(ctx context.Context, w Wanted) (Meta, error) {
	if w.Find == nil {
		w.Find = func(context.Context) (Meta, error) { return Meta{}, fs.ErrNotExist }
	}

	for {
		meta, err := w.Find(ctx)

		switch {
		case err == nil:
			s.progress.report(Event{Source: w.Source, State: Cached, Done: meta.Size, Total: meta.Size})

			return meta, nil
		case !errors.Is(err, fs.ErrNotExist):
			return Meta{}, err
		case s.opts.Offline:
			return Meta{}, &FetchError{Source: w.Source, Offline: true}
		}

		partial, err := s.lockPartial(ctx, w.Name)
		if err != nil {
			return Meta{}, fmt.Errorf("%s: %w", w.Source.label(), err)
		}

		if partial == nil {
			continue // another one finished it: look again
		}

		// Between Find and the lock, another one may have finished.
		if meta, err := w.Find(ctx); err == nil {
			os.Remove(partial.Name()) //nolint:errcheck // an empty leftover harms nothing
			partial.Close()

			return meta, nil
		}

		meta, err = s.download(ctx, w, partial)
		partial.Close()

		return meta, err
	}
}

// lockPartial opens and locks the partial file of a download. It returns nil
// if, while it waited, the holder renamed or removed the file.
func (s *Store) lockPartial(ctx context.Context, name string) (*os.File, error) {
	path := filepath.Join(s.root, "partial", name)

	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open download file: %w", err)
	}

	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			break
		}

		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			f.Close()

			return nil, fmt.Errorf("lock %s: %w", path, err)
		}

		select {
		case <-ctx.Done():
			f.Close()

			return nil, context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}

	mine, err := f.Stat()
	if err != nil {
		f.Close()

		return nil, fmt.Errorf("lock %s: %w", path, err)
	}

	if now, err := os.Lstat(path); err == nil && os.SameFile(mine, now) {
		return f, nil
	}

	f.Close()

	return nil, nil
}
