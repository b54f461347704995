package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// MadeDir is the directory of what is made of sources. Nothing in it is worth
// keeping: it can be made again without a network.
func (s *Store) MadeDir() string { return filepath.Join(s.root, "made") }

// Make returns the path of a file that write makes of other files of the
// store. The key, 64 hexadecimal digits, must differ whenever what is written
// would; a file that was made under it before is taken as it is.
func (s *Store) Make(ctx context.Context, key string, write func(ctx context.Context, w io.Writer) error) (string, error) {
	if !validHex(key, 64) {
		return "", fmt.Errorf("make a source: %q is not a key", key)
	}

	path := filepath.Join(s.MadeDir(), key)

	for {
		info, err := os.Lstat(path)
		if err == nil && info.Mode().IsRegular() && info.ModTime().Equal(epoch) {
			return path, nil
		}

		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("make a source: %w", err)
		}

		partial, err := s.lockPartial(ctx, "made-"+key)
		if err != nil {
			return "", fmt.Errorf("make a source: %w", err)
		}

		if partial == nil {
			continue // another one made it: look again
		}

		err = s.writeMade(ctx, partial, path, write)

		os.Remove(partial.Name()) //nolint:errcheck // it is gone when all went well
		partial.Close()

		if err != nil {
			return "", err
		}
	}
}

func (s *Store) writeMade(ctx context.Context, partial *os.File, path string, write func(context.Context, io.Writer) error) error {
	if err := newSink(partial).reset(); err != nil {
		return fmt.Errorf("make a source: %w", err)
	}

	if err := write(ctx, partial); err != nil {
		return err
	}

	if err := errors.Join(partial.Chmod(0o644), partial.Sync(), os.Chtimes(partial.Name(), epoch, epoch)); err != nil {
		return fmt.Errorf("make a source: %w", err)
	}

	if err := os.Rename(partial.Name(), path); err != nil {
		return fmt.Errorf("make a source: %w", err)
	}

	return nil
}

// dropMade removes what was made under other keys than those.
func (s *Store) dropMade(keep map[string]bool) error {
	entries, err := os.ReadDir(s.MadeDir())
	if err != nil {
		return fmt.Errorf("remove what was made of sources: %w", err)
	}

	for _, e := range entries {
		if keep[e.Name()] {
			continue
		}

		if err := ignoreAbsent(os.Remove(filepath.Join(s.MadeDir(), e.Name()))); err != nil {
			return fmt.Errorf("remove what was made of sources: %w", err)
		}
	}

	return nil
}
