package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// build builds this program as DIR/akmon.
func build(t *testing.T) string {
	t.Helper()

	path := filepath.Join(t.TempDir(), "bin", "akmon")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")

	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	return path
}

// run runs a program; code is its exit code.
func run(t *testing.T, path string, args ...string) (stdout, stderr string, code int) {
	t.Helper()

	var out, errs bytes.Buffer

	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs

	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}

	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestForward(t *testing.T) {
	path := build(t)

	// A link on the path leads to both.
	link := filepath.Join(t.TempDir(), "akmon")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}

	_, stderr, code := run(t, link, "build")
	if want := "akmon: akmon-forge is missing; it is installed beside this program, in " + filepath.Dir(path) + "\n"; stderr != want || code != 1 {
		t.Errorf("without the whole program: %d, %q", code, stderr)
	}

	script := "#!/bin/sh\nprintf '<%s>' \"$@\"\necho \"$AKMON_TEST\" >&2\nexit 7\n"
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), whole), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}

	t.Setenv("AKMON_TEST", "the environment")

	for _, args := range [][]string{{}, {"build", "a b", ""}, {"--help"}, {"help", "image"}, {"imagine"}} {
		stdout, stderr, code := run(t, link, args...)

		want := "<" + strings.Join(args, "><") + ">"
		if stdout != want || stderr != "the environment\n" || code != 7 {
			t.Errorf("%q: %d, %q, %q", args, code, stdout, stderr)
		}
	}
}

func TestImage(t *testing.T) {
	for _, test := range []struct {
		name           string
		args           []string
		stdout, stderr string // what is in them
		code           int
	}{
		{"help", []string{"image", "--help"}, "akmon image iso --installer", "", 0},
		{"usage", []string{"image", "ios"}, "", `akmon: `, 2},
		{"work", []string{"image", "iso", "--installer", "/none", "--output", t.TempDir()}, "", "akmon: making the iso: opening the installer /none: stat /none: no such file or directory\n", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer

			code := image(test.args, &stdout, &stderr)
			if code != test.code || !strings.Contains(stdout.String(), test.stdout) || !strings.Contains(stderr.String(), test.stderr) {
				t.Errorf("%d\n%s\n%s", code, stdout.String(), stderr.String())
			}
		})
	}
}

// What makes the whole program large must not come in here.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}

	var heavy []string

	for name := range strings.FieldsSeq(string(out)) {
		for _, prefix := range []string{
			"github.com/moby/buildkit", "github.com/containerd/containerd", "google.golang.org/grpc", "google.golang.org/protobuf",
			"go.opentelemetry.io", "github.com/Masterminds/sprig", "github.com/akmon-os/akmon/forge",
		} {
			if strings.HasPrefix(name, prefix) {
				heavy = append(heavy, name)
			}
		}
	}

	if diff := cmp.Diff([]string(nil), heavy); diff != "" {
		t.Errorf("packages that are too large for this program (-want +got):\n%s", diff)
	}
}
