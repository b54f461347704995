package measure_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/akmon-os/akmon/test/bench/measure"
)

func TestRun(t *testing.T) {
	p, err := measure.Run(t.Context(), "sh", "-c", "echo out; echo err >&2")
	if err != nil {
		t.Fatal(err)
	}

	if string(p.Stdout) != "out\n" || p.Seconds <= 0 || p.CPU <= 0 || p.Peak <= 0 {
		t.Errorf("%+v", p)
	}

	_, err = measure.Run(t.Context(), "sh", "-c", "echo why >&2; exit 3")

	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(err.Error(), "why") {
		t.Errorf("a failure: %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	if _, err := measure.Run(ctx, "sleep", "60"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), make([]byte, 100_000), 0o600); err != nil {
		t.Fatal(err)
	}

	// Whether the pages are gone is the kernel's affair; the files must be whole.
	if err := errors.Join(measure.Warm(dir), measure.DropFiles(dir), measure.Warm(filepath.Join(dir, "file"))); err != nil {
		t.Error(err)
	}

	if err := measure.Warm(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}

	if name, err := measure.FileSystem(dir); err != nil || name == "" {
		t.Errorf("file system %q, %v", name, err)
	}
}

func TestProgramFiles(t *testing.T) {
	files, err := measure.ProgramFiles("cp")
	if err != nil {
		t.Fatal(err)
	}

	if slices.ContainsFunc(files, func(f string) bool { return !filepath.IsAbs(f) }) || filepath.Base(files[0]) != "cp" {
		t.Errorf("files of cp: %q", files)
	}

	if _, err := measure.ProgramFiles("no-such-program"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("no such program: %v", err)
	}
}
