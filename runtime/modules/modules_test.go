package modules

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/akmon-os/akmon/runtime/kernelargs"
)

// tree writes a directory as depmod leaves it.
func tree(t testing.TB) Tree {
	t.Helper()

	dir := t.TempDir()

	for name, text := range map[string]string{
		"modules.dep": `kernel/core.ko:
kernel/ring.ko: kernel/core.ko
kernel/net-a.ko: kernel/ring.ko kernel/core.ko
kernel/other.ko:
kernel/crc.ko:
kernel/fs.ko: kernel/core.ko
`,
		"modules.alias": `# Aliases extracted from modules themselves.
alias pci:v00001AF4d00001000* net_a
alias pci:v00001AF4* other
alias virtio:d00000001v* net-a
alias crypto-crc crc
alias crypto-crc crc_builtin
alias *:anything other
`,
		"modules.softdep": "softdep fs pre: crypto-crc fs post: other missing\nsoftdep crc pre: fs\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	return Tree{Dir: dir}
}

func names(p Plan) string {
	out := make([]string, 0, len(p))
	for _, m := range p {
		name := m.Name
		if m.Soft {
			name += "?"
		}

		out = append(out, name)
	}

	return strings.Join(out, " ")
}

func TestResolve(t *testing.T) {
	tr := tree(t)

	for _, tc := range []struct {
		names []string
		want  []string
	}{
		{nil, nil},
		{[]string{"nothing:here", ""}, nil},
		{[]string{"core"}, []string{"core"}},
		{[]string{"net-a", "net_a"}, []string{"core ring net_a"}},
		{[]string{"pci:v00001AF4d00001000sv0"}, []string{"core ring net_a", "other"}},
		{[]string{"virtio:d00000001v00001AF4", "pci:v00001AF4d00001000sv0"}, []string{"core ring net_a", "other"}},
		{[]string{"x:anything"}, []string{"other"}},
		{[]string{"crypto-crc"}, []string{"core? fs? other? crc"}},
		{[]string{"fs"}, []string{"core crc? fs other?"}},
	} {
		plans, err := tr.Resolve(tc.names...)
		if err != nil {
			t.Fatal(err)
		}

		var got []string
		for _, p := range plans {
			got = append(got, names(p))
		}

		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tc.names, diff)
		}
	}

	if tr.Empty() || !(Tree{Dir: "/nonexistent"}).Empty() {
		t.Error("Empty is wrong")
	}

	if plans, err := (Tree{Dir: "/nonexistent"}).Resolve("a"); err != nil || plans != nil {
		t.Errorf("no tree: %v, %v", plans, err)
	}
}

func TestBadFiles(t *testing.T) {
	for name, text := range map[string]string{
		"modules.dep": "kernel/a.ko\n", "modules.alias": "alias a\n", "modules.softdep": "softdep\n",
	} {
		tr := tree(t)
		if err := os.WriteFile(filepath.Join(tr.Dir, name), []byte("# comment\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}

		if _, err := tr.Resolve("a"); err == nil || !strings.Contains(err.Error(), name+":2: want") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// kernel is a pretended one.
type kernel struct {
	mu     sync.Mutex
	calls  []string
	fail   map[string]error
	loaded map[string]bool
}

func (k *kernel) insert(path, params string) error {
	k.mu.Lock()
	defer k.mu.Unlock()

	name := Name(path)
	k.calls = append(k.calls, strings.TrimSpace(name+" "+params))

	if err := k.fail[name]; err != nil {
		return err
	}

	k.loaded[name] = true

	return nil
}

func (k *kernel) has(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()

	return k.loaded[name]
}

func TestLoad(t *testing.T) {
	load := func(k *kernel, cmdline string, names ...string) error {
		if k.loaded == nil {
			k.loaded = map[string]bool{}
		}

		l := Loader{Tree: tree(t), Args: kernelargs.Parse(cmdline), insert: k.insert, loaded: k.has}

		return l.Load(context.Background(), names...)
	}

	k := &kernel{loaded: map[string]bool{"core": true}}
	if err := load(k, `net-a.speed=10 net_a.name="a b" other.x console=ttyS0`, "net_a", "virtio:d00000001v"); err != nil {
		t.Error(err)
	}

	if diff := cmp.Diff([]string{"ring", `net_a speed=10 name="a b"`}, k.calls); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	// Hardware that is missing, a module that another loads at the same time, a
	// soft dependency that fails: all as it should be.
	k = &kernel{fail: map[string]error{"core": unix.EEXIST, "crc": unix.ENOENT, "fs": unix.ENODEV}}
	if err := load(k, "", "fs"); err != nil {
		t.Error(err)
	}

	// What a driver builds on finds no hardware: there is none for the driver.
	k = &kernel{fail: map[string]error{"ring": unix.ENODEV}}
	if err := load(k, "", "net_a"); err != nil || slices.Contains(k.calls, "net_a") {
		t.Errorf("%v, calls %q", err, k.calls)
	}

	// A failure is reported with its module, and others are loaded.
	k = &kernel{fail: map[string]error{"ring": unix.EKEYREJECTED}}
	err := load(k, "", "net_a", "other")

	var failure *Failure
	if !errors.As(err, &failure) || failure.Module != "ring" || !errors.Is(err, unix.EKEYREJECTED) {
		t.Errorf("got %v", err)
	}

	if !k.loaded["other"] || slices.Contains(k.calls, "net_a") {
		t.Errorf("calls %q", k.calls)
	}

	// A blacklist keeps modules from being loaded for hardware, not by name.
	k = &kernel{}
	if err := load(k, "modprobe.blacklist=net-a,other", "pci:v00001AF4d00001000sv0"); err != nil || len(k.calls) != 0 {
		t.Errorf("%v, %q", err, k.calls)
	}

	if err := load(k, "modprobe.blacklist=net-a,other", "other"); err != nil || len(k.calls) != 1 {
		t.Errorf("%v, %q", err, k.calls)
	}
}

func TestLoadWith(t *testing.T) {
	k := &kernel{loaded: map[string]bool{}}
	l := Loader{Tree: tree(t), Args: kernelargs.Parse("net_a.b=2"), insert: k.insert, loaded: k.has}

	if err := l.LoadWith("net-a", []string{"a=1", "c=3"}); err != nil {
		t.Error(err)
	}

	if err := l.LoadWith("built_in", nil); err != nil {
		t.Error(err)
	}

	if diff := cmp.Diff([]string{"core", "ring", "net_a a=1 c=3 b=2"}, k.calls); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseLoaded(t *testing.T) {
	got, err := ParseLoaded([]byte("virtio_net 12345 0 - Live 0x0000000000000000\nfailover 16384 1 net_failover,x, Loading 0xffffffffc0 (OE)\nfixed 1 - - Live 0x0\n"))
	if err != nil {
		t.Fatal(err)
	}

	want := []Loaded{
		{Name: "virtio_net", Size: 12345, State: "Live", Address: "0x0000000000000000"},
		{Name: "failover", Size: 16384, References: 1, Users: []string{"net_failover", "x"}, State: "Loading", Address: "0xffffffffc0"},
		{Name: "fixed", Size: 1, References: -1, State: "Live", Address: "0x0"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	for _, bad := range []string{"a b c", "a b 0 - Live 0x0", "a 1 b - Live 0x0"} {
		if _, err := ParseLoaded([]byte(bad)); err == nil {
			t.Errorf("accepted %q", bad)
		}
	}
}

func TestHardware(t *testing.T) {
	dir := t.TempDir()

	for path, text := range map[string]string{"a/modalias": "pci:b\n", "a/c/modalias": "pci:a\n", "d/modalias": "pci:b\n", "e/modalias": "\n", "a/other": "x"} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	if diff := cmp.Diff([]string{"pci:a", "pci:b"}, Hardware(dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	if got := Hardware("/nonexistent"); got != nil {
		t.Errorf("got %q", got)
	}
}

func TestWanted(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"-q", "--", "net-pf-10"}, "net-pf-10"},
		{[]string{"-q", "--", "-odd"}, "-odd"},
		{[]string{"fs"}, "fs"},
		{[]string{"-r", "fs"}, ""},
		{[]string{"-q", "--"}, ""},
		{[]string{"-q", "--", ""}, ""},
		{[]string{"a", "b"}, ""},
		{nil, ""},
	} {
		got, err := wanted(tc.args)
		if (err != nil) != (tc.want == "") || strings.Join(got, " ") != tc.want {
			t.Errorf("%q: %q, %v", tc.args, got, err)
		}
	}
}

func FuzzResolve(f *testing.F) {
	f.Add("kernel/a.ko: kernel/b.ko\nkernel/b.ko:\n", "alias pci:v[0-9]* a\n", "softdep a pre: b post: c\n", "pci:v1", "a 1 0 b, Live 0x0\n")
	f.Add("a.ko.zst:", `alias \*?[!x] a`, "softdep a pre: a", "-", "")

	f.Fuzz(func(t *testing.T, dep, alias, softdep, name, loaded string) {
		dir := t.TempDir()
		for file, text := range map[string]string{"modules.dep": dep, "modules.alias": alias, "modules.softdep": softdep} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}

		plans, err := Tree{Dir: dir}.Resolve(name, "a")
		if err == nil {
			for _, p := range plans {
				if len(p) == 0 || p.Target().Soft {
					t.Errorf("plan %v has no target", p)
				}
			}
		}

		ParseLoaded([]byte(loaded)) //nolint:errcheck // must not panic
	})
}
