package publish

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// putBlob stores r under digest unless it is there already, whole. Bytes that
// do not have the digest are a ChangedError and leave nothing behind.
func (s *layoutStore) putBlob(digest v1.Hash, r io.Reader) error {
	if s.readOnly {
		return fmt.Errorf("%s %w", s.name(), ErrReadOnly)
	}

	if s.has(digest) {
		return nil
	}

	path := s.blobPath(digest)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("store blob: %w", err)
	}

	return writeAtomic(path, &checkedReader{r: r, check: newChecker("blob", digest, -1)})
}

// has tells whether the layout has a blob, with the right bytes.
func (s *layoutStore) has(digest v1.Hash) bool {
	f, err := os.Open(s.blobPath(digest))
	if err != nil {
		return false
	}
	defer f.Close()

	got, _, err := v1.SHA256(f)

	return err == nil && got == digest
}

// writeAtomic writes r to path by way of a temporary file beside it.
func writeAtomic(path string, r io.Reader) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}

	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()

	if _, err := io.Copy(f, r); err != nil {
		return err
	}

	if err := f.Chmod(0o644); err != nil {
		return err
	}

	if err := f.Close(); err != nil {
		return err
	}

	return os.Rename(f.Name(), path)
}

// checkedReader turns the end of input into an error when what was read is not
// what was promised.
type checkedReader struct {
	r     io.Reader
	check *checker
}

func (c *checkedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.check.add(p[:n])

	// The registry library compares the digest too and fails at the end of the
	// blob; its error has no value to test for, ours has.
	if err != nil && !fromRegistry(err) {
		if bad := c.check.result(); bad != nil {
			return n, bad
		}
	}

	return n, err
}

// withAnnotation returns a copy of m that also has key.
func withAnnotation(m map[string]string, key, value string) map[string]string {
	out := maps.Clone(m)
	if out == nil {
		out = map[string]string{}
	}

	out[key] = value

	return out
}
