package contents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/akmon-os/akmon/forge/publish"
)

// Looking into an image costs reading and unpacking all of it. A build that
// changed nothing asks about the image of the time before, so what was found
// is noted by the image's digest.

const (
	// cacheFormat changes when what is found in the same image does.
	cacheFormat = "1"
	// cacheAge is how long an unused note is kept.
	cacheAge = 60 * 24 * time.Hour
)

// Cached is Read with notes of earlier results in dir, which is made if need
// be. Only complete results are noted. A damaged note counts as none. dir may
// be used by several processes.
func Cached(ctx context.Context, t *publish.Target, dir string) (*Contents, error) {
	note := filepath.Join(dir, t.Digest().Hex+"-"+cacheFormat+".json")

	var known Contents
	if data, err := os.ReadFile(note); err == nil && json.Unmarshal(data, &known) == nil {
		now := time.Now()
		_ = os.Chtimes(note, now, now) // it is only kept longer for that

		return &known, nil
	}

	c, err := Read(ctx, t)
	if err != nil || c.Unread != nil {
		return c, err
	}

	if err := c.note(note); err != nil {
		return nil, fmt.Errorf("note the contents of %s: %w", t, err)
	}

	return c, nil
}

func (c *Contents) note(path string) error {
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}

	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}

	f, err := os.CreateTemp(dir, ".note-*")
	if err != nil {
		return err
	}

	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}

	if err := os.Rename(f.Name(), path); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}

	return forget(dir)
}

// forget deletes notes that nobody has asked for in a long time, and what
// broken processes left.
func forget(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}

	for _, e := range entries {
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < cacheAge {
			continue
		}

		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}

	return nil
}
