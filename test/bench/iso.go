package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/akmon-os/akmon/test/bench/measure"
	"github.com/akmon-os/akmon/test/bench/result"
)

// iso measures rendering an ISO image against copying a finished one.
func (b *bench) iso(ctx context.Context) error {
	akmon, err := program(b.akmon)
	if err != nil {
		return err
	}

	dir := filepath.Join(b.work, "iso")
	defer os.RemoveAll(dir)

	r := renderer{bench: b, akmon: akmon, original: filepath.Join(dir, "original.iso"), dir: filepath.Join(dir, "out")}
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return fmt.Errorf("make a scratch directory: %w", err)
	}

	out := result.ISO{Taken: b.taken(ctx)}

	if out.FileSystem, err = measure.FileSystem(dir); err != nil {
		return err
	}

	// The first rendering gives the file that cp copies.
	path, _, err := r.render(ctx)
	if err != nil {
		return err
	}

	if err := os.Rename(path, r.original); err != nil {
		return fmt.Errorf("keep the ISO image: %w", err)
	}

	info, err := os.Stat(r.original)
	if err != nil {
		return fmt.Errorf("look at the ISO image: %w", err)
	}

	out.Bytes = info.Size()

	for _, cache := range []result.Cache{result.ColdInput, result.ColdAll, result.WarmInput} {
		if cache == result.ColdAll && !measure.CanDropAll() {
			progress("  %s: left out, as only root can empty the page cache", cache)

			continue
		}

		mode, err := r.alternate(ctx, cache)
		if err != nil {
			return err
		}

		progress("  %s: %.2f times cp", cache, mode.Render.Ratio(mode.Copy))

		out.Modes = append(out.Modes, *mode)
	}

	return result.Save(b.rawDir(), &out)
}

// renderer runs both programs.
type renderer struct {
	*bench

	akmon    string
	original string // what cp copies
	dir      string // where both write
}

// alternate runs both programs in turn, each from the same state of the cache.
func (r *renderer) alternate(ctx context.Context, cache result.Cache) (*result.Mode, error) {
	mode := &result.Mode{Cache: cache}

	for range r.runs {
		if err := r.prepare(cache); err != nil {
			return nil, err
		}

		path, p, err := r.render(ctx)
		if err != nil {
			return nil, err
		}

		mode.Render, mode.Peak = append(mode.Render, p.Seconds), append(mode.Peak, p.Peak)

		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove the ISO image: %w", err)
		}

		if err := r.prepare(cache); err != nil {
			return nil, err
		}

		copied := filepath.Join(r.dir, "copy.iso")

		if p, err = measure.Run(ctx, "cp", r.original, copied); err != nil {
			return nil, err
		}

		mode.Copy = append(mode.Copy, p.Seconds)

		if err := os.Remove(copied); err != nil {
			return nil, fmt.Errorf("remove the copy: %w", err)
		}
	}

	return mode, nil
}

// prepare brings the page cache into the state.
func (r *renderer) prepare(cache result.Cache) error {
	inputs := []string{r.installer, r.original}

	switch cache {
	case result.ColdAll:
		return measure.DropAll()
	case result.ColdInput:
		if measure.CanDropAll() { // it leaves nothing to the kernel's judgement
			if err := measure.DropAll(); err != nil {
				return err
			}
		} else if err := measure.DropFiles(inputs...); err != nil {
			return err
		}

		return r.warmPrograms()
	default:
		if err := r.warmPrograms(); err != nil {
			return err
		}

		return measure.Warm(inputs...)
	}
}

func (r *renderer) warmPrograms() error {
	for _, name := range []string{r.akmon, "cp"} {
		files, err := measure.ProgramFiles(name)
		if err != nil {
			return err
		}

		if err := measure.Warm(files...); err != nil {
			return err
		}
	}

	return nil
}

// render runs akmon and returns the path of what it made.
func (r *renderer) render(ctx context.Context) (string, *measure.Process, error) {
	p, err := measure.Run(ctx, r.akmon, "image", "iso", "--installer", r.installer, "--arch", arch,
		"--extra-kernel-arg", "console=ttyS0", "--output", r.dir, "-o", "json")
	if err != nil {
		return "", nil, err
	}

	var made struct{ Path string }
	if err := json.Unmarshal(p.Stdout, &made); err != nil || made.Path == "" {
		return "", nil, fmt.Errorf("akmon image does not say what it made: %q", p.Stdout)
	}

	return made.Path, p, nil
}
