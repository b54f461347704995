package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Producer writes a source that has to be made, such as the archive of a
// commit, from what the place has. It is called again with an empty writer
// after it failed.
type Producer func(ctx context.Context, place string, w io.Writer) error

// Produce is Fetch for a source that no server has as a file: it is made from
// what one of the places of its URL has, and kept if its sums are right. An
// error of the producer is tried again as long as [Temporary] says that this
// may help, then at the next place.
func (s *Store) Produce(ctx context.Context, src Source, produce Producer) (string, error) {
	if err := src.validate(); err != nil {
		return "", err
	}

	for {
		meta, err := s.find(ctx, src)

		switch {
		case err == nil:
			s.progress.report(Event{Source: src, State: Cached, Done: meta.Size, Total: meta.Size})

			return s.Path(meta.SHA256), nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		case s.opts.Offline:
			return "", &FetchError{Source: src, Offline: true}
		}

		partial, err := s.lockPartial(ctx, src.SHA256)
		if err != nil {
			return "", fmt.Errorf("%s: %w", src.label(), err)
		}

		if partial == nil {
			continue // another one made it: look again
		}

		err = s.produce(ctx, src, produce, partial)

		os.Remove(partial.Name()) //nolint:errcheck // it is gone when all went well
		partial.Close()

		if err != nil {
			return "", err
		}
	}
}

// find looks for a source in the store by both sums.
func (s *Store) find(ctx context.Context, src Source) (Meta, error) {
	meta, err := s.Lookup(ctx, src.SHA256)
	if err == nil && src.SHA512 != "" && src.SHA512 != meta.SHA512 {
		return meta, &SumError{Source: src, URL: src.URL, Got: Sums{SHA256: meta.SHA256, SHA512: meta.SHA512}}
	}

	return meta, err
}

// produce tries the places until one gives the right bytes, which it commits.
func (s *Store) produce(ctx context.Context, src Source, produce Producer, partial *os.File) error {
	// Between the search and the lock, another one may have finished.
	if _, err := s.find(ctx, src); err == nil {
		return nil
	}

	failure := &FetchError{Source: src}
	out := newSink(partial)

	for _, place := range s.Places(src.URL) {
		err := s.produceFrom(ctx, src, produce, place, out)

		switch {
		case err == nil:
			if _, err := s.commit(partial, out.sums(), Meta{Package: src.Package, URL: src.URL}); err != nil {
				return fmt.Errorf("%s: %w", src.label(), err)
			}

			s.progress.report(Event{Source: src, State: Stored, URL: redact(place), Done: out.n, Total: out.n})

			return nil
		case out.failed != nil:
			return fmt.Errorf("%s: write %s: %w", src.label(), partial.Name(), out.failed)
		case ctx.Err() != nil:
			return fmt.Errorf("%s: fetch %s: %w", src.label(), redact(place), context.Cause(ctx))
		}

		failure.Attempts = append(failure.Attempts, Attempt{URL: place, Err: err})
		s.progress.report(Event{Source: src, State: Failed, URL: redact(place), Total: -1, Err: err})
	}

	return failure
}

// produceFrom makes the source from one place, with retries, and checks it.
func (s *Store) produceFrom(ctx context.Context, src Source, produce Producer, place string, out *sink) error {
	for failed := 1; ; failed++ {
		if err := out.reset(); err != nil {
			out.failed = err

			return err
		}

		s.progress.report(Event{Source: src, State: Downloading, URL: redact(place), Total: -1})

		err := produce(ctx, place, out)
		if err == nil {
			if got := out.sums(); got.SHA256 != src.SHA256 || src.SHA512 != "" && got.SHA512 != src.SHA512 {
				return &SumError{Source: src, URL: place, Got: got}
			}

			return nil
		}

		if ctx.Err() != nil || out.failed != nil || failed >= s.opts.Attempts || !temporary(err) {
			return err
		}

		s.progress.report(Event{Source: src, State: Retrying, URL: redact(place), Total: -1, Err: err})

		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(s.opts.Backoff(failed)):
		}
	}
}

// Temporary marks an error after which the same place deserves another
// attempt.
func Temporary(err error) error { return &again{err} }

// scratchPrefix begins the names of directories of work in progress.
const scratchPrefix = "work-"

// Scratch makes an empty directory in the store for work in progress. Whoever
// made it calls done; what a killed process leaves is swept.
func (s *Store) Scratch(name string) (dir string, done func(), err error) {
	dir, err = os.MkdirTemp(filepath.Join(s.root, "partial"), scratchPrefix+name+"-*")
	if err != nil {
		return "", nil, fmt.Errorf("make a work directory in the store: %w", err)
	}

	lock, err := Hold(dir)
	if err != nil {
		return "", nil, fmt.Errorf("lock %s: %w", dir, errors.Join(err, os.RemoveAll(dir)))
	}

	return dir, func() {
		os.RemoveAll(dir) //nolint:errcheck // what stays is swept
		lock.Close()
	}, nil
}
