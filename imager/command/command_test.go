package command_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/akmon-os/akmon/imager"
	"github.com/akmon-os/akmon/imager/command"
	"github.com/akmon-os/akmon/media/pe"
	"github.com/akmon-os/akmon/media/pe/petest"
)

// installer makes a directory with an installer's files.
func installer(t *testing.T) string {
	t.Helper()

	dir := t.TempDir()
	for name, b := range map[string][]byte{
		"vmlinuz":          petest.Kernel(pe.AMD64, "6.12.94", 5000),
		"initramfs.xz":     []byte("initramfs"),
		"systemd-stub.efi": petest.Image(pe.AMD64, petest.Section{Name: ".text", Data: []byte("stub")}),
		"os-release":       []byte("VERSION_ID=v0.1.0\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	return dir
}

// run runs the command as akmon has it.
func run(t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()

	var out, errs bytes.Buffer

	cmd := command.New(command.Config{Use: "image", OutputDir: t.TempDir(), Stem: "akmon"})
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&errs)

	err = cmd.ExecuteContext(t.Context())

	return out.String(), errs.String(), err
}

func TestISO(t *testing.T) {
	dir := t.TempDir()

	stdout, stderr, err := run(t, "", "iso", "--installer", installer(t), "--arch", "amd64", "--output", dir, "--extra-kernel-arg", "console=ttyS0")
	if err != nil {
		t.Fatal(err)
	}

	if want := filepath.Join(dir, "akmon-amd64.iso"); stdout != want+"\n" {
		t.Errorf("standard output is %q, want %s", stdout, want)
	}

	if !strings.Contains(stderr, "kernel command line: talos.platform=metal console=ttyS0 init_on_alloc=1") {
		t.Errorf("standard error is %q", stderr)
	}
}

func TestJSON(t *testing.T) {
	dir := t.TempDir()

	stdout, _, err := run(t, "", "uki", "--base-installer-image", installer(t), "--arch", "amd64", "--output", dir, "-o", "json")
	if err != nil {
		t.Fatal(err)
	}

	var r imager.Result
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatal(err)
	}

	if r.Kind != "uki" || r.Path != filepath.Join(dir, "akmon-amd64-uki.efi") || r.Version != "v0.1.0" || r.Kernel != "6.12.94" || r.Size == 0 {
		t.Errorf("%+v", r)
	}
}

func TestProfiles(t *testing.T) {
	dir := installer(t)
	doc := "baseProfileName: iso\narch: amd64\ninput:\n  baseInstaller:\n    ociPath: " + dir + "\ncustomization:\n  extraKernelArgs: [a]\n"

	file := filepath.Join(t.TempDir(), "my.yaml")
	if err := os.WriteFile(file, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}

	for _, args := range [][]string{{"-"}, {file}} {
		out := t.TempDir()

		_, stderr, err := run(t, doc, append(args, "--output", out, "--output-kind", "cmdline", "--extra-kernel-arg", "b")...)
		if err != nil {
			t.Fatal(err)
		}

		line, err := os.ReadFile(filepath.Join(out, "cmdline-akmon-amd64"))
		if err != nil || !strings.HasSuffix(string(line), " a b") {
			t.Errorf("%q, %v\n%s", line, err, stderr)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		name  string
		stdin string
		args  []string
		usage bool
		want  string
	}{
		{"no profile", "", nil, true, "one profile is expected"},
		{"two profiles", "", []string{"iso", "uki"}, true, "one profile is expected"},
		{"unknown profile", "", []string{"ios"}, true, `did you mean "iso"?`},
		{"unknown flag", "", []string{"iso", "--instaler", "x"}, true, "unknown flag: --instaler"},
		{"format", "", []string{"iso", "-o", "yaml"}, true, "text or json"},
		{"both to standard output", "", []string{"iso", "-o", "json", "--tar-to-stdout"}, true, "both want standard output"},
		{"kind", "", []string{"iso", "--output-kind", "is"}, true, `did you mean "iso"?`},
		{"newline", "", []string{"iso", "--extra-kernel-arg", "a\nb"}, true, "line break"},
		{"no installer", "", []string{"iso", "--arch", "amd64"}, false, "no installer is named"},
		{"platform", "", []string{"iso", "--platform", "mtal"}, false, `did you mean "metal"?`},
		{"unknown key", "baseProfileName: iso\narhc: amd64\n", []string{"-"}, false, `(standard input):2:1: unknown key "arhc"; did you mean "arch"?`},
		{"no such file", "", []string{"./none.yaml"}, false, "none.yaml"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, _, err := run(t, tt.stdin, tt.args...)
			if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, command.ErrUsage) != tt.usage {
				t.Errorf("error %v, want one with %q (usage %t)", err, tt.want, tt.usage)
			}

			if stdout != "" {
				t.Errorf("standard output has %q", stdout)
			}
		})
	}
}

func TestSourceDateEpoch(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")

	if _, _, err := run(t, "", "iso", "--installer", installer(t), "--arch", "amd64"); err == nil || !strings.Contains(err.Error(), "SOURCE_DATE_EPOCH") {
		t.Errorf("error: %v", err)
	}
}
