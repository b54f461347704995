package gomod

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"

	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/mirror"
)

// SumError is a file whose h1 sum is not that of the go.sum.
type SumError struct {
	Entry Entry
	From  string
	Got   string
}

// Error names the module, the place, and both sums.
func (e *SumError) Error() string {
	return fmt.Sprintf("%s: wrong checksum of %s\n  wanted %s\n  got    %s", e.Entry, e.From, e.Entry.H1, e.Got)
}

// Fetch sees to it that the store has all entries and returns their SHA-256 in
// the order of the entries. The error joins all failures.
func Fetch(ctx context.Context, store *source.Store, env mirror.GoEnv, entries []Entry) ([]string, error) {
	sums := make([]string, len(entries))

	err := store.Each(ctx, len(entries), func(ctx context.Context, i int) error {
		meta, err := fetch(ctx, store, env, entries[i])
		sums[i] = meta.SHA256

		return err
	})

	return sums, err
}

func fetch(ctx context.Context, store *source.Store, env mirror.GoEnv, e Entry) (source.Meta, error) {
	file, err := e.file()
	if err != nil {
		return source.Meta{}, fmt.Errorf("fetch %s: %w", e, err)
	}

	file += e.suffix()

	meta, err := find(ctx, store, e)
	if !errors.Is(err, fs.ErrNotExist) {
		return meta, err
	}

	if env.ModCache != "" {
		meta, err := fromCache(ctx, store, filepath.Join(env.ModCache, "cache", "download", filepath.FromSlash(file)), e)
		if !errors.Is(err, fs.ErrNotExist) {
			return meta, err
		}
	}

	places, anyError, reason := places(env, e.Path, file)
	if len(places) == 0 && !store.Offline() {
		return source.Meta{}, fmt.Errorf("%s is in neither the store nor the module cache, and %s", e, reason)
	}

	meta, err = store.Obtain(ctx, source.Wanted{
		Source: source.Source{Package: e.String(), URL: file},
		Name:   "h1-" + e.key(),
		Places: places,
		Find:   func(ctx context.Context) (source.Meta, error) { return find(ctx, store, e) },
		Check:  func(from, path string, _ source.Sums) error { return check(e, from, path) },
		Next:   func(i int, err error) bool { return anyError[i] || source.NotFound(err) },
	})
	if err != nil {
		return source.Meta{}, err
	}

	return meta, remember(store, e, meta.SHA256)
}

// places returns the URLs of a file at the proxies that may be asked for the
// module, and whether each is followed by the next after any error. Without
// any, reason says why.
func places(env mirror.GoEnv, path, file string) (urls []string, anyError []bool, reason string) {
	if module.MatchPrefixPatterns(env.NoProxy, path) {
		return nil, nil, "GONOPROXY or GOPRIVATE forbid to ask a proxy for it"
	}

	for _, p := range env.Proxy {
		switch p.URL {
		case mirror.Off:
			return urls, anyError, "GOPROXY is off"
		case mirror.Direct:
			return urls, anyError, "GOPROXY is \"direct\", which is not supported: name a proxy"
		}

		urls = append(urls, p.URL+"/"+file)
		anyError = append(anyError, p.AnyError)
	}

	return urls, anyError, "GOPROXY names no proxy"
}

// check compares the h1 sum of a file.
func check(e Entry, from, path string) error {
	var (
		got string
		err error
	)

	if e.Mod {
		got, err = dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) { return os.Open(path) })
	} else {
		got, err = dirhash.HashZip(path, dirhash.Hash1)
	}

	if err != nil {
		return fmt.Errorf("%s: hash what %s gave: %w", e, from, err)
	}

	if got != e.H1 {
		return &SumError{Entry: e, From: from, Got: got}
	}

	return nil
}

// fromCache takes a file of the machine's module cache into the store. One
// that is wrong is passed over: the cache is not ours to judge.
func fromCache(ctx context.Context, store *source.Store, path string, e Entry) (source.Meta, error) {
	f, err := os.Open(path)
	if err != nil {
		return source.Meta{}, fs.ErrNotExist // unreadable is as good as absent
	}
	defer f.Close()

	if check(e, path, path) != nil {
		return source.Meta{}, fs.ErrNotExist
	}

	meta, err := store.Add(ctx, f, e.String(), "")
	if err != nil {
		return source.Meta{}, err
	}

	return meta, remember(store, e, meta.SHA256)
}

// find looks an entry up by its h1 sum.
func find(ctx context.Context, store *source.Store, e Entry) (source.Meta, error) {
	data, err := os.ReadFile(indexPath(store, e))
	if err != nil {
		return source.Meta{}, err
	}

	sum := strings.TrimSpace(string(data))
	if len(sum) != 64 {
		return source.Meta{}, fs.ErrNotExist
	}

	return store.Lookup(ctx, sum)
}

func remember(store *source.Store, e Entry, sha256 string) error {
	if err := source.WriteFile(indexPath(store, e), []byte(sha256+"\n")); err != nil {
		return fmt.Errorf("store %s: %w", e, err)
	}

	return nil
}

func indexPath(store *source.Store, e Entry) string {
	return filepath.Join(store.Root(), "h1", e.key())
}
