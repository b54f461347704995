package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Rewriter tells at which mirrors a URL is tried before the URL itself.
type Rewriter interface {
	// Rewrite returns the places to try, best first, without url itself.
	Rewrite(url string) []string
}

// Options adjust a [Store]. The zero value serves: no mirrors, the default
// HTTP transport (which honours HTTP_PROXY and its kin), four attempts.
type Options struct {
	Mirrors  Rewriter
	Offline  bool                           // never use the network or any place outside the store
	Parallel int                            // downloads at a time in FetchAll; 0 means 8
	Attempts int                            // per place, before the next is tried; 0 means 4
	Backoff  func(failed int) time.Duration // pause after the n-th failure (from 1); nil means 0.5 s doubling up to 8 s
	Idle     time.Duration                  // a transfer with no byte for this long is broken off; 0 means 60 s
	Client   *http.Client                   // nil means one of the store's own
	Progress func(Event)                    // called from one goroutine at a time; may be nil
}

// Store is a content-addressed store of sources in a directory. Its methods
// may be called from any number of goroutines.
type Store struct {
	root     string
	opts     Options
	progress *reporter
}

// DefaultDir returns $XDG_CACHE_HOME/akmon/store, or its equivalent where that
// variable is not set.
func DefaultDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache directory: %w", err)
	}

	return filepath.Join(cache, "akmon", "store"), nil
}

// Open opens the store in dir, making it when there is none; "" means
// [DefaultDir].
func Open(dir string, opts Options) (*Store, error) {
	if dir == "" {
		var err error
		if dir, err = DefaultDir(); err != nil {
			return nil, err
		}
	}

	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open source store: %w", err)
	}

	for _, sub := range []string{"sha256", "meta", "partial", "h1", "go", "made"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("open source store: %w", err)
		}
	}

	if opts.Parallel <= 0 {
		opts.Parallel = 8
	}

	if opts.Attempts <= 0 {
		opts.Attempts = 4
	}

	if opts.Backoff == nil {
		opts.Backoff = func(failed int) time.Duration {
			return min(time.Second/4<<min(failed, 8), 8*time.Second)
		}
	}

	if opts.Idle <= 0 {
		opts.Idle = time.Minute
	}

	if opts.Client == nil {
		opts.Client = &http.Client{Transport: newTransport()}
	}

	return &Store{root: dir, opts: opts, progress: &reporter{call: opts.Progress}}, nil
}

// Root returns the store's directory.
func (s *Store) Root() string { return s.root }

// Dir returns the directory that holds the files, each named by its SHA-256
// and nothing else: what BuildKit gets as the local directory of sources.
func (s *Store) Dir() string { return filepath.Join(s.root, "sha256") }

// Path returns where the file with this SHA-256 is or would be.
func (s *Store) Path(sha256 string) string { return filepath.Join(s.root, "sha256", sha256) }

// Offline tells whether the store was opened so.
func (s *Store) Offline() bool { return s.opts.Offline }

func (s *Store) metaPath(sum string) string { return filepath.Join(s.root, "meta", sum+".json") }

// Meta is what the store knows of a file.
type Meta struct {
	Package string `json:"package,omitempty"` // what it was first fetched for
	URL     string `json:"url,omitempty"`     // its permanent URL
	SHA256  string `json:"sha256"`
	SHA512  string `json:"sha512"`
	Size    int64  `json:"size"`
	Inode   uint64 `json:"inode"`
}

// Lookup returns what is known of a file in the store. A file that no longer
// is as it was recorded is hashed again; one that is wrong is removed and
// counts as absent. The error is fs.ErrNotExist for an absent file.
func (s *Store) Lookup(ctx context.Context, sha256 string) (Meta, error) {
	if !validHex(sha256, 64) {
		return Meta{}, fmt.Errorf("look up source: %q is not a SHA-256 in hexadecimal", sha256)
	}

	info, err := os.Lstat(s.Path(sha256))
	if err != nil {
		return Meta{}, fmt.Errorf("look up source: %w", err)
	}

	var meta Meta
	if data, err := os.ReadFile(s.metaPath(sha256)); err == nil && json.Unmarshal(data, &meta) == nil {
		if meta.SHA256 == sha256 && meta.matches(info) {
			return meta, nil
		}
	}

	return s.rehash(ctx, sha256, meta)
}

// matches tells whether the file is still as it was when it was hashed.
func (m Meta) matches(info fs.FileInfo) bool {
	return info.Mode().IsRegular() && info.Size() == m.Size && info.ModTime().Equal(epoch) &&
		inode(info) == m.Inode && validHex(m.SHA512, 128)
}

// rehash decides by its bytes whether the stored file may stay.
func (s *Store) rehash(ctx context.Context, sum string, known Meta) (Meta, error) {
	path := s.Path(sum)

	sums, err := hashFile(ctx, path)
	if err != nil {
		return Meta{}, fmt.Errorf("check stored source: %w", err)
	}

	if sums.SHA256 != sum {
		if err := errors.Join(os.Remove(path), ignoreAbsent(os.Remove(s.metaPath(sum)))); err != nil {
			return Meta{}, fmt.Errorf("remove damaged source from the store: %w", err)
		}

		return Meta{}, fmt.Errorf("stored source %s was damaged: %w", sum, fs.ErrNotExist)
	}

	known.SHA512 = sums.SHA512

	return s.record(sum, known)
}

// record writes the side file of a stored file whose sums are known.
func (s *Store) record(sum string, meta Meta) (Meta, error) {
	path := s.Path(sum)
	if err := errors.Join(os.Chmod(path, 0o644), os.Chtimes(path, epoch, epoch)); err != nil {
		return Meta{}, fmt.Errorf("record source: %w", err)
	}

	info, err := os.Lstat(path)
	if err != nil {
		return Meta{}, fmt.Errorf("record source: %w", err)
	}

	meta.SHA256, meta.Size, meta.Inode = sum, info.Size(), inode(info)

	data, err := json.MarshalIndent(meta, "", "  ")
	if err != nil {
		return Meta{}, fmt.Errorf("record source: %w", err)
	}

	if err := WriteFile(s.metaPath(sum), append(data, '\n')); err != nil {
		return Meta{}, fmt.Errorf("record source: %w", err)
	}

	return meta, nil
}

// Add puts the bytes of r in the store and returns what they are recorded as.
// pkg and url are for people who list the store; both may be empty.
func (s *Store) Add(ctx context.Context, r io.Reader, pkg, url string) (Meta, error) {
	tmp, err := os.CreateTemp(filepath.Join(s.root, "partial"), "add-*")
	if err != nil {
		return Meta{}, fmt.Errorf("add to source store: %w", err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()

	held, err := Hold(tmp.Name())
	if err != nil {
		return Meta{}, fmt.Errorf("add to source store: %w", err)
	}
	defer held.Close()

	sink := newSink(tmp)
	if _, err := io.Copy(sink, contextReader{ctx, r}); err != nil {
		return Meta{}, fmt.Errorf("add to source store: %w", err)
	}

	return s.commit(tmp, sink.sums(), Meta{Package: pkg, URL: url})
}

// commit gives a complete, checked temporary file its place.
func (s *Store) commit(tmp *os.File, sums Sums, meta Meta) (Meta, error) {
	meta.SHA512 = sums.SHA512

	if err := errors.Join(tmp.Chmod(0o644), tmp.Sync(), os.Chtimes(tmp.Name(), epoch, epoch)); err != nil {
		return Meta{}, fmt.Errorf("store source: %w", err)
	}

	if err := os.Rename(tmp.Name(), s.Path(sums.SHA256)); err != nil {
		return Meta{}, fmt.Errorf("store source: %w", err)
	}

	return s.record(sums.SHA256, meta)
}

// WriteFile writes data to path by way of a temporary file in the same
// directory, so that a reader sees all of it or none.
func WriteFile(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())

	held, err := Hold(tmp.Name())
	if err != nil {
		return errors.Join(err, tmp.Close())
	}
	defer held.Close()

	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}

	return os.Rename(tmp.Name(), path)
}

var epoch = time.Unix(0, 0)

func inode(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}

	return 0
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}

	return err
}
