package compare

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	gofs "io/fs"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tonistiigi/fsutil"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/tree"
)

// Explain loads a tree and tells what the targets, and all that they need,
// depend on. No target means every package that nothing depends on.
func Explain(ctx context.Context, opts tree.Options, targets []string) ([]lower.Explanation, error) {
	t, err := tree.Load(opts)
	if err != nil {
		return nil, err
	}

	g, err := graph.Resolve(t, targets)
	if err != nil {
		return nil, err
	}

	return lower.Explain(ctx, g, lower.Options{Debian: ByLock(t)}, contentOf(ctx, t.Dir()))
}

// ByLock names the root file system that a lock file pins by the digest of the
// file: it stands for it where nothing is assembled.
func ByLock(t *tree.Tree) func(lock string, platform ocispecs.Platform) (string, error) {
	return func(lock string, _ ocispecs.Platform) (string, error) {
		text, err := t.ReadFile(lock)

		return fmt.Sprintf("lock.akmon.local/debian@sha256:%x", sha256.Sum256(text)), err
	}
}

// contentOf gives the digest of the files below dir that patterns select:
// names, kinds, modes and content, as BuildKit sees them.
func contentOf(ctx context.Context, dir string) func(include, exclude []string) (string, error) {
	return func(include, exclude []string) (string, error) {
		all, err := fsutil.NewFS(dir)
		if err != nil {
			return "", fmt.Errorf("read the tree: %w", err)
		}

		some, err := fsutil.NewFilterFS(all, &fsutil.FilterOpt{IncludePatterns: include, ExcludePatterns: exclude})
		if err != nil {
			return "", fmt.Errorf("read the tree: %w", err)
		}

		sum := sha256.New()

		err = some.Walk(ctx, "", func(path string, entry gofs.DirEntry, err error) error {
			if err != nil {
				return err
			}

			info, err := entry.Info()
			if err != nil {
				return err
			}

			fmt.Fprintf(sum, "%q %s", path, info.Mode())

			if !info.Mode().IsRegular() {
				fmt.Fprintln(sum, linkOf(info))

				return nil
			}

			fmt.Fprintln(sum, info.Size())

			file, err := some.Open(path)
			if err != nil {
				return err
			}

			defer file.Close() //nolint:errcheck // only read

			_, err = io.Copy(sum, file)

			return err
		})
		if err != nil {
			return "", fmt.Errorf("read the tree: %w", err)
		}

		return hex.EncodeToString(sum.Sum(nil)), nil
	}
}
