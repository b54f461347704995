package gomod

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/module"

	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/mirror"
)

// Digest is the SHA-256 of a go.sum in hexadecimal: what its tree is called.
func Digest(goSum []byte) string {
	sum := sha256.Sum256(goSum)

	return hex.EncodeToString(sum[:])
}

// ProxyDir fetches all modules that a go.sum names and returns a directory
// that serves as GOPROXY=file://dir for them: <module>/@v/<version>.info, .mod
// and .zip. The files are hard links into the store; nobody may change them.
// file is the go.sum's name in messages.
//
// The directory is <store>/go/<digest>, digest being [Digest] of the go.sum;
// one that is complete is returned as it is, without any network.
func ProxyDir(ctx context.Context, store *source.Store, env mirror.GoEnv, file string, goSum []byte) (dir, digest string, err error) {
	entries, err := ParseSum(file, goSum)
	if err != nil {
		return "", "", err
	}

	digest = Digest(goSum)
	dir = filepath.Join(store.Root(), "go", digest)

	if complete(dir, entries) {
		return dir, digest, nil
	}

	sums, err := Fetch(ctx, store, env, entries)
	if err != nil {
		return "", "", err
	}

	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".tree-*")
	if err != nil {
		return "", "", fmt.Errorf("lay out modules of %s: %w", file, err)
	}
	defer os.RemoveAll(tmp)

	held, err := source.Hold(tmp)
	if err != nil {
		return "", "", fmt.Errorf("lay out modules of %s: %w", file, err)
	}
	defer held.Close()

	for i, e := range entries {
		if err := place(store, tmp, e, sums[i]); err != nil {
			return "", "", fmt.Errorf("lay out modules of %s: %w", file, err)
		}
	}

	if err := rename(tmp, dir, entries); err != nil {
		return "", "", fmt.Errorf("lay out modules of %s: %w", file, err)
	}

	return dir, digest, nil
}

var epoch = time.Unix(0, 0)

// complete tells whether a tree has all files, as they were put there.
func complete(dir string, entries []Entry) bool {
	for _, e := range entries {
		name, err := e.file()
		if err != nil {
			return false
		}

		info, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name+e.suffix())))
		if err != nil || !info.Mode().IsRegular() || !info.ModTime().Equal(epoch) {
			return false
		}
	}

	_, err := os.Lstat(dir)

	return err == nil
}

// place links one file into a tree; beside a zip goes its .info.
func place(store *source.Store, tree string, e Entry, sum string) error {
	name, err := e.file()
	if err != nil {
		return err
	}

	path := filepath.Join(tree, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}

	if err := os.Link(store.Path(sum), path+e.suffix()); err != nil {
		return err
	}

	if e.Mod {
		return nil
	}

	info, err := json.Marshal(struct{ Version string }{module.CanonicalVersion(e.Version.Version)})
	if err != nil {
		return err
	}

	return errors.Join(os.WriteFile(path+".info", info, 0o644), os.Chtimes(path+".info", epoch, epoch))
}

// rename gives a complete tree its name. Another process may have been
// quicker, and a damaged tree may be in the way.
func rename(tmp, dir string, entries []Entry) error {
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}

	for range 3 {
		err := os.Rename(tmp, dir)
		if err == nil {
			return nil
		}

		if _, statErr := os.Lstat(dir); statErr != nil {
			return err
		}

		if complete(dir, entries) {
			return nil
		}

		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}

	return fmt.Errorf("%s cannot be replaced", dir)
}
