// Package integration_test solves lowered trees with a real BuildKit.
package integration_test

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/session"
	"github.com/tonistiigi/fsutil"

	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/tree"
)

// userland puts this machine's bash and a few programs, with their libraries,
// and more, below root. It skips the test where that is not possible.
func userland(t *testing.T, root string, more ...string) {
	t.Helper()

	if os.Getuid() != 0 {
		t.Skip("running steps needs root")
	}

	for _, tool := range []string{"runc", "ldd", "bash"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}

	copied := map[string]bool{}

	install := func(path, to string) {
		if copied[to] {
			return
		}

		copied[to] = true

		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}

		write(t, filepath.Join(root, to), data, 0o755)
	}

	for _, tool := range append(more, "bash", "cat", "ls", "mkdir", "stat", "cp", "sha256sum", "sleep") {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Skipf("%s is not installed", tool)
		}

		install(path, "/bin/"+tool)

		out, err := exec.Command("ldd", path).Output()
		if err != nil {
			t.Skipf("ldd %s: %v", path, err)
		}

		for _, word := range strings.Fields(string(out)) {
			if filepath.IsAbs(word) {
				install(word, word)
			}
		}
	}
}

func write(t *testing.T, path string, data []byte, mode os.FileMode) {
	t.Helper()

	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
}

// bench is a tree on disk, an engine, and what the driver gives it.
type bench struct {
	dir, sources, state string
	attach              []session.Attachable
	image               bool // whether to make an image, which has a digest
}

func (b *bench) solve(t *testing.T, target string) (map[string]string, *engine.Result, error) {
	t.Helper()

	loaded, err := tree.Load(tree.Options{Dir: b.dir, Platform: tree.Host(), BuildPlatform: tree.Host()})
	if err != nil {
		t.Fatal(err)
	}

	g, err := graph.Resolve(loaded, []string{target})
	if err != nil {
		t.Fatal(err)
	}

	result, err := lower.Lower(context.Background(), g, target, lower.Options{})
	if err != nil {
		t.Fatal(err)
	}

	e, err := engine.Open(context.Background(), engine.Options{StateDir: b.state})
	if err != nil {
		t.Skipf("no engine here: %v", err)
	}
	defer e.Close()

	config, err := json.Marshal(result.Image)
	if err != nil {
		t.Fatal(err)
	}

	request := engine.Request{
		Images:    []engine.Image{{Definition: result.Definition, Platform: result.Platform, Config: config}},
		LocalDirs: map[string]fsutil.FS{},
		Attach:    b.attach,
	}

	out := t.TempDir()
	request.Exports = []engine.Export{{Type: engine.LocalDir, Path: out}}

	if b.image {
		epoch := loaded.Epoch()
		request.Epoch = &epoch
		request.Exports = append(request.Exports, engine.Export{Type: engine.OCILayout, Path: filepath.Join(t.TempDir(), "image")})
	}

	for name, dir := range map[string]string{"tree": b.dir, "source": b.sources} {
		if request.LocalDirs[name], err = fsutil.NewFS(dir); err != nil {
			t.Fatal(err)
		}
	}

	for _, in := range result.Inputs.Go {
		if request.LocalDirs["go-"+in.SHA256], err = fsutil.NewFS(filepath.Join(b.sources, "modules")); err != nil {
			t.Fatal(err)
		}
	}

	solved, err := e.Solve(context.Background(), request)
	if err != nil {
		return nil, nil, err
	}

	files := map[string]string{}

	err = filepath.WalkDir(out, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}

		data, err := os.ReadFile(path)
		info, _ := d.Info()
		files[strings.TrimPrefix(path, out)] = fmt.Sprintf("%s%s", data, info.ModTime().UTC().Format(time.DateOnly))

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	return files, solved, nil
}

// A tree goes through a real BuildKit: what the transcripts promise happens.
func TestSolve(t *testing.T) {
	b := &bench{dir: t.TempDir(), sources: t.TempDir(), state: t.TempDir()}
	userland(t, filepath.Join(b.dir, "shell", "root"))

	content := []byte("downloaded\n")
	sum := fmt.Sprintf("%x", sha256.Sum256(content))
	write(t, filepath.Join(b.sources, sum), content, 0o400)
	write(t, filepath.Join(b.sources, "modules", "example.org", "m", "@v", "list"), []byte("v1.0.0\n"), 0o644)

	for name, text := range map[string]string{
		"pkg.yaml":       "format: v1alpha2\nepoch: 2026-01-02\n",
		"go.sum":         "example.org/m v1.0.0 h1:x\n",
		"lib/a.txt":      "local\n",
		"lib/b.skip":     "never\n",
		"shell/pkg.yaml": "name: shell\nfinalize:\n  - from: /pkg/root\n    to: /\n",
		"app/pkg.yaml": `name: app
dependencies:
  - stage: shell
steps:
  - sources:
      - url: https://example.invalid/file.txt
        sha256: ` + sum + `
        sha512: ` + fmt.Sprintf("%x", sha512.Sum512(content)) + `
      - local: lib
        include: ["*.txt"]
        destination: lib
      - go: .
    env: {CARRIED: "on"}
    prepare:
      - cat file.txt lib/a.txt >made
      - test ! -e lib/b.skip
      - cat "${GOPROXY#file://}"/example.org/m/@v/list
      - test "$(cat /pkg/patch)" = patch
      - test ! -e /pkg/pkg.yaml
      - "! echo x >/pkg/new"
    install:
      - mkdir -p /rootfs/etc && cat made >/rootfs/etc/made
    test:
      - echo gone >/rootfs/etc/gone
      - test -f /rootfs/etc/gone
  - tmpDir: /second
    build:
      - test ! -e /rootfs/etc/gone
      - test "$PWD $CARRIED $PKG_NAME $SOURCE_DATE_EPOCH" = "/second on app 1767312000"
      - test -z "${GOPROXY:-}"
    install:
      - echo "$(stat -c %u:%g:%a /tmp/build/file.txt)" >/rootfs/etc/mode
finalize:
  - from: /rootfs
    to: /
  - from: /pkg/patch
    to: /usr/share/
`,
		"app/patch": "patch\n",
		"failing/pkg.yaml": `name: failing
dependencies:
  - stage: shell
steps:
  - install:
      - mkdir /rootfs
    test:
      - |
        # a comment
        test -e /nowhere
finalize:
  - from: /rootfs
`,
	} {
		write(t, filepath.Join(b.dir, name), []byte(text), 0o644)
	}

	files, first, err := b.solve(t, "app")
	if err != nil {
		t.Fatal(err)
	}

	for name, want := range map[string]string{
		"/etc/made":        "downloaded\nlocal\n2026-01-02",
		"/etc/mode":        "0:0:644\n2026-01-02",
		"/usr/share/patch": "patch\n2026-01-02",
	} {
		if files[name] != want {
			t.Errorf("%s is %q, want %q", name, files[name], want)
		}
	}

	if len(files) != 3 {
		t.Errorf("the output has %d files: %v", len(files), files)
	}

	// A recipe's comment changes nothing.
	recipe, err := os.ReadFile(filepath.Join(b.dir, "app", "pkg.yaml"))
	if err != nil {
		t.Fatal(err)
	}

	write(t, filepath.Join(b.dir, "app", "pkg.yaml"), append([]byte("# a comment\n"), recipe...), 0o644)

	_, second, err := b.solve(t, "app")
	if err != nil {
		t.Fatal(err)
	}

	if first.Executed == 0 || second.Executed != 0 {
		t.Errorf("executed %d, then %d", first.Executed, second.Executed)
	}

	_, _, err = b.solve(t, "failing")
	if err == nil {
		t.Fatal("a failing test did not fail the build")
	}

	t.Logf("a failing test: %v", err)
}
