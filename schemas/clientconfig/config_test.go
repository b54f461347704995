package clientconfig_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/schemas/clientconfig"
)

const document = `context: one
contexts:
    one:
        endpoints:
            - 10.0.0.1
            - '[fd00::1]:50000'
        nodes:
            - 10.0.0.2
        ca: Y2E=
        crt: Y3J0
        key: a2V5
    two:
        endpoints: []
        auth:
            siderov1:
                identity: me@example.org
        cluster: c2
`

func TestRoundTrip(t *testing.T) {
	config, err := clientconfig.Decode("f", []byte(document))
	if err != nil {
		t.Fatal(err)
	}

	data, err := config.Encode()
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(document, string(data)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecode(t *testing.T) {
	config, err := clientconfig.Decode("f", []byte("context: a\ncontexts:\n  a: {target: 10.0.0.9}\n  b:\n"))
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff([]string{"10.0.0.9"}, config.Contexts["a"].Endpoints); diff != "" {
		t.Errorf("the deprecated target is lost: %s", diff)
	}

	if config.Contexts["b"] == nil {
		t.Error("an empty context is nil")
	}

	_, err = clientconfig.Decode("f", []byte("contexts:\n  a:\n    endpoint: x\n    kee: c2VjcmV0\n"))
	if err == nil || !strings.Contains(err.Error(), `f:3:5: unknown key "endpoint"; did you mean "endpoints"?`) {
		t.Errorf("got %v", err)
	}

	if err != nil && strings.Contains(err.Error(), "c2VjcmV0") {
		t.Errorf("the error holds a secret:\n%v", err)
	}
}

func TestMergeOverwritesNothing(t *testing.T) {
	config := &clientconfig.Config{Context: "a", Contexts: map[string]*clientconfig.Context{
		"a":   {Endpoints: []string{"1"}},
		"a-1": {Endpoints: []string{"2"}},
	}}
	other := &clientconfig.Config{Context: "a", Contexts: map[string]*clientconfig.Context{
		"a": {Endpoints: []string{"3"}},
		"b": {Endpoints: []string{"4"}},
	}}

	if diff := cmp.Diff([]clientconfig.Rename{{From: "a", To: "a-2"}}, config.Merge(other)); diff != "" {
		t.Error(diff)
	}

	want := &clientconfig.Config{Context: "a-2", Contexts: map[string]*clientconfig.Context{
		"a":   {Endpoints: []string{"1"}},
		"a-1": {Endpoints: []string{"2"}},
		"a-2": {Endpoints: []string{"3"}},
		"b":   {Endpoints: []string{"4"}},
	}}
	if diff := cmp.Diff(want, config); diff != "" {
		t.Error(diff)
	}

	if renames := config.Merge(other); len(renames) != 1 || len(config.Contexts) != 4 {
		t.Errorf("merging the same again gives %v, %d contexts", renames, len(config.Contexts))
	}

	empty := &clientconfig.Config{}
	empty.Merge(other)

	if empty.Context != "a" || len(empty.Contexts) != 2 {
		t.Errorf("merging into nothing gives %+v", empty)
	}
}

func TestSave(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "new", "config")
	config := &clientconfig.Config{Context: "a", Contexts: map[string]*clientconfig.Context{"a": {Endpoints: []string{"1"}}}}

	if err := config.Save(path); err != nil {
		t.Fatal(err)
	}

	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}

	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}

	// A link stays a link.
	link := filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}

	config.Context = "b"
	if err := config.Save(link); err != nil {
		t.Fatal(err)
	}

	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link became a file: %v, %v", info, err)
	}

	again, err := clientconfig.Load(path)
	if err != nil || again.Context != "b" {
		t.Errorf("got %+v, %v", again, err)
	}

	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("something is left beside the file: %v, %v", entries, err)
	}

	if missing, err := clientconfig.Load(filepath.Join(dir, "missing")); err != nil || len(missing.Contexts) != 0 {
		t.Errorf("a missing file gives %+v, %v", missing, err)
	}
}

func TestSaveLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config")

	// A directory in the place of the file can't be replaced by a rename.
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}

	if err := (&clientconfig.Config{}).Save(path); err == nil {
		t.Fatal("it was written")
	}

	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("something is left: %v, %v", entries, err)
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	home, xdg := filepath.Join(dir, "home"), filepath.Join(dir, "xdg")
	t.Setenv("HOME", home)
	t.Setenv("TALOSCONFIG", "")
	t.Setenv("TALOS_HOME", "")
	t.Setenv("XDG_CONFIG_HOME", xdg)

	find := func(explicit, want string) {
		t.Helper()

		if got, err := clientconfig.Find(explicit); err != nil || got != want {
			t.Errorf("Find gives %s, %v, want %s", got, err, want)
		}
	}

	touch := func(path string) {
		t.Helper()

		if err := (&clientconfig.Config{}).Save(path); err != nil {
			t.Fatal(err)
		}
	}

	standard, inXDG := filepath.Join(home, ".talos", "config"), filepath.Join(xdg, "talos", "config.yaml")

	find("", standard)
	touch(standard)
	find("", standard)
	touch(inXDG)
	find("", inXDG)
	t.Setenv("XDG_CONFIG_HOME", "relative")
	find("", standard)
	t.Setenv("TALOS_HOME", filepath.Join(dir, "talos"))
	find("", filepath.Join(dir, "talos", "config"))
	t.Setenv("TALOSCONFIG", filepath.Join(dir, "elsewhere"))
	find("", filepath.Join(dir, "elsewhere"))
	find("/explicit", "/explicit")
}

func TestCurrent(t *testing.T) {
	config := &clientconfig.Config{Contexts: map[string]*clientconfig.Context{"production": {}}}

	for name, want := range map[string]string{
		"":          "has no current context",
		"prodution": `has no context "prodution"; did you mean "production"?`,
	} {
		if _, _, err := config.Current(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v", name, err)
		}
	}

	if name, context, err := config.Current("production"); err != nil || name != "production" || context == nil {
		t.Errorf("got %s, %v, %v", name, context, err)
	}

	if _, _, err := (&clientconfig.Config{}).Current(""); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(document))
	f.Add([]byte("contexts: {a: }\n"))
	f.Add([]byte("contexts: {a: {target: x}, a: }\n"))

	f.Fuzz(func(t *testing.T, data []byte) {
		config, err := clientconfig.Decode("f", data)
		if err != nil {
			_ = err.Error()

			return
		}

		if _, err := config.Encode(); err != nil {
			t.Error(err)
		}
	})
}
