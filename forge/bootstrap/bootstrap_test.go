package bootstrap_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/google/go-cmp/cmp"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/ulikunitz/xz"

	"github.com/akmon-os/akmon/forge/bootstrap"
	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/tree/treetest"
)

var update = treetest.Update

// debian is a small archive, served as snapshot.debian.org does it.
type debian struct {
	t     *testing.T
	files map[string][]byte // by path below the snapshot time
	index map[string]string // Packages by architecture
	key   *openpgp.Entity
	date  time.Time

	mu       sync.Mutex
	requests []string
}

func newDebian(t *testing.T) *debian {
	key, err := openpgp.NewEntity("Archive", "", "archive@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}

	return &debian{
		t: t, files: map[string][]byte{}, index: map[string]string{}, key: key,
		date: time.Date(2026, 9, 12, 7, 55, 41, 0, time.UTC),
	}
}

// add makes a package; files are by their path, links start with "->".
func (d *debian) add(name, version, arch, fields string, files map[string]string) {
	d.t.Helper()

	var data bytes.Buffer

	w := tar.NewWriter(&data)

	for _, path := range slices.Sorted(maps.Keys(files)) {
		h := &tar.Header{Name: "." + path, Typeflag: tar.TypeReg, Mode: 0o755, ModTime: time.Unix(1, 0)}

		text := files[path]
		if target, ok := strings.CutPrefix(text, "->"); ok {
			h.Typeflag, h.Linkname, text = tar.TypeSymlink, target, ""
		}

		h.Size = int64(len(text))
		if err := w.WriteHeader(h); err != nil {
			d.t.Fatal(err)
		}

		io.WriteString(w, text) //nolint:errcheck // into memory
	}

	w.Close() //nolint:errcheck // into memory

	deb := []byte("!<arch>\n")
	for _, member := range []struct{ name, data string }{{"debian-binary", "2.0\n"}, {"data.tar", data.String()}} {
		deb = fmt.Appendf(deb, "%-16s%-12d%-6d%-6d%-8o%-10d`\n%s", member.name, 0, 0, 0, 0o100644, len(member.data), member.data)
	}

	path := fmt.Sprintf("pool/main/%s_%s_%s.deb", name, version, arch)
	d.files[path] = deb
	d.index[arch] += fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\nFilename: %s\nSize: %d\nSHA256: %x\n%s\n",
		name, version, arch, path, len(deb), sha256.Sum256(deb), fields)
}

// publish writes the indices and starts a server.
func (d *debian) publish() (base string) {
	d.t.Helper()

	sums := ""

	for arch, text := range d.index {
		var packed bytes.Buffer

		w, err := xz.NewWriter(&packed)
		if err != nil {
			d.t.Fatal(err)
		}

		io.WriteString(w, text) //nolint:errcheck // into memory
		w.Close()               //nolint:errcheck // into memory

		dir := "main/binary-" + arch + "/"
		sum := fmt.Sprintf("%x", sha256.Sum256(packed.Bytes()))
		sums += fmt.Sprintf(" %s %d %sPackages.xz\n", sum, packed.Len(), dir)
		d.files["dists/trixie/"+dir+"by-hash/SHA256/"+sum] = packed.Bytes()
	}

	var release bytes.Buffer

	w, err := clearsign.Encode(&release, d.key.PrivateKey, nil)
	if err != nil {
		d.t.Fatal(err)
	}

	fmt.Fprintf(w, "Suite: stable\nCodename: trixie\nDate: %s\nAcquire-By-Hash: yes\nComponents: main\nSHA256:\n%s",
		strings.Replace(d.date.Format(time.RFC1123), "UTC", "UTC", 1), sums)

	if err := w.Close(); err != nil {
		d.t.Fatal(err)
	}

	d.files["dists/trixie/InRelease"] = release.Bytes()

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		d.requests = append(d.requests, r.URL.Path)
		d.mu.Unlock()

		// /archive/debian/<time>/<path>
		parts := strings.SplitN(r.URL.Path, "/", 5)
		if len(parts) == 5 {
			if data, ok := d.files[parts[4]]; ok {
				w.Write(data) //nolint:errcheck

				return
			}
		}

		http.NotFound(w, r)
	}))
	d.t.Cleanup(server.Close)

	return server.URL + "/archive"
}

func sample(t *testing.T) *debian {
	d := newDebian(t)

	for _, arch := range []string{"amd64", "arm64"} {
		d.add("base-files", "13", arch, "", map[string]string{
			"/bin": "->usr/bin", "/lib": "->usr/lib", "/usr/share/doc/base-files/README": "read me",
		})
		d.add("clang", "1:19-1", arch, "Depends: libc (>= 2), gone\n", map[string]string{"/usr/bin/clang": "clang for " + arch})
		d.add("libc", "2.41", arch, "Breaks: clang (<< 1:19)\n", map[string]string{"/lib/" + arch + "/libc.so": "libc for " + arch})
		d.add("gone", "1", arch, "", map[string]string{"/usr/bin/gone": "not wanted"})
	}

	d.add("efi", "257", "arm64", "Depends: nothing-here\n", map[string]string{"/usr/lib/efi/aa64.efi": "stub"})

	return d
}

const specText = `format: v1alpha1
suites: [trixie]
architectures: [amd64, arm64]
packages:
  - base-files
  - clang
  - name: efi:arm64
    architectures: [amd64]
    depends: false
without: [gone]
exclude:
  - /usr/share/doc
links:
  /bin/cc: clang
files:
  /etc/passwd:
    content: |
      root:x:0:0:root:/root:/bin/sh
    mode: 0600
`

func openStore(t *testing.T) *source.Store {
	t.Helper()

	store, err := source.Open(filepath.Join(t.TempDir(), "store"), source.Options{Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}

	return store
}

func resolve(t *testing.T, d *debian, text string, store *source.Store) (*bootstrap.Lock, error) {
	t.Helper()

	spec, err := bootstrap.ParseSpec("debian.yaml", []byte(text))
	if err != nil {
		return nil, err
	}

	return bootstrap.Resolve(t.Context(), spec, bootstrap.ResolveOptions{
		Store: store, Keyring: openpgp.EntityList{d.key}, Base: d.publish(),
	})
}

func TestLockAndAssemble(t *testing.T) {
	d, store := sample(t), openStore(t)

	lock, err := resolve(t, d, specText, store)
	if err != nil {
		t.Fatal(err)
	}

	// The server has another port each time, the key another print.
	data, err := lock.Encode()
	if err != nil {
		t.Fatal(err)
	}

	text := string(data)
	text = strings.ReplaceAll(text, lock.Releases[0].SignedBy, "KEY")
	text = strings.ReplaceAll(text, lock.Releases[0].SHA256, "RELEASE")
	base, _, _ := strings.Cut(lock.Userlands["amd64"][0].URL, "/archive/")
	golden(t, "debian.lock.yaml", []byte(strings.ReplaceAll(text, base, "https://snapshot.example")))

	path := filepath.Join(t.TempDir(), "debian.lock.yaml")
	if err := lock.Save(path); err != nil {
		t.Fatal(err)
	}

	loaded, err := bootstrap.LoadLock(path)
	if err != nil {
		t.Fatal(err)
	}

	var digests strings.Builder

	for _, arch := range loaded.Architectures() {
		// Nothing but the store is needed any more.
		offline, err := source.Open(store.Root(), source.Options{Offline: true})
		if err != nil {
			t.Fatal(err)
		}

		image, err := bootstrap.Assemble(t.Context(), offline, loaded, arch, bootstrap.AssembleOptions{Parallel: 2})
		if err != nil {
			t.Fatal(err)
		}

		fmt.Fprintf(&digests, "%s %s %d\n", arch, image.Digest, image.Size)
		checkImage(t, image, arch)

		again, err := bootstrap.Assemble(t.Context(), offline, lock, arch, bootstrap.AssembleOptions{})
		if err != nil || !again.Cached || again.Digest != image.Digest {
			t.Errorf("again: %+v, %v", again, err)
		}

		other, err := bootstrap.Assemble(t.Context(), offline, lock, arch, bootstrap.AssembleOptions{Cache: t.TempDir(), Parallel: 1})
		if err != nil || other.Cached || other.Digest != image.Digest {
			t.Errorf("in another cache: %+v, %v", other, err)
		}
	}

	// The same lock gives the same digests for ever. If this fails, users
	// rebuild everything: only a new generation may change it.
	golden(t, "digests", []byte(digests.String()))

	left, err := filepath.Glob(filepath.Join(filepath.Dir(store.Root()), "bootstrap", ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// checkImage opens the layout as the engine does.
func checkImage(t *testing.T, image bootstrap.Image, arch string) {
	t.Helper()

	blobs, err := local.NewStore(image.Dir)
	if err != nil {
		t.Fatal(err)
	}

	read := func(d ocispecs.Descriptor, v any) []byte {
		data, err := content.ReadBlob(t.Context(), blobs, d)
		if err != nil {
			t.Fatal(err)
		}

		if v != nil {
			if err := json.Unmarshal(data, v); err != nil {
				t.Fatal(err)
			}
		}

		return data
	}

	var (
		index    ocispecs.Index
		manifest ocispecs.Manifest
		config   ocispecs.Image
	)

	data, err := os.ReadFile(filepath.Join(image.Dir, "index.json"))
	if err := errors.Join(err, json.Unmarshal(data, &index)); err != nil {
		t.Fatal(err)
	}

	read(index.Manifests[0], &manifest)
	read(manifest.Config, &config)

	if config.Architecture != arch || config.OS != "linux" || config.RootFS.DiffIDs[0] != manifest.Layers[0].Digest {
		t.Errorf("config %+v", config)
	}

	if image.Ref != "akmon.local/bootstrap@"+index.Manifests[0].Digest.String() {
		t.Errorf("ref %s", image.Ref)
	}

	var names []string

	for in := tar.NewReader(bytes.NewReader(read(manifest.Layers[0], nil))); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}

		if err != nil {
			t.Fatal(err)
		}

		if !h.ModTime.Equal(time.Date(2026, 9, 13, 7, 55, 41, 0, time.UTC)) {
			t.Errorf("%s has the time %v", h.Name, h.ModTime)
		}

		if h.Typeflag != tar.TypeDir {
			names = append(names, h.Name)
		}
	}

	want := []string{"bin", "etc/passwd", "lib", "usr/bin/cc", "usr/bin/clang", "usr/lib/" + arch + "/libc.so"}
	if arch == "amd64" {
		want = append(want, "usr/lib/efi/aa64.efi")
	}

	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()

	path := filepath.Join("testdata", name)

	if update() {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, got, 0o644)); err != nil {
			t.Fatal(err)
		}
	}

	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", path, diff)
	}
}

// A lock whose wishes did not change keeps its packages without any network,
// and takes over the layout.
func TestRelock(t *testing.T) {
	lock, err := resolve(t, sample(t), specText, openStore(t))
	if err != nil {
		t.Fatal(err)
	}

	for _, change := range []struct {
		old, new string
		refresh  bool
		stale    string
	}{
		{"clang\nfiles", "gcc\nfiles", false, "debian.yaml:13:1: links: not the same as in"},
		{"/usr/share/doc", "/usr/share/man", false, "debian.yaml:11:1: exclude: not the same as in"},
		{"  - base-files\n", "", true, "debian.yaml:4:1: suites, components, snapshot or package lists"},
		{"[trixie]", "[trixie, forky]", true, "debian.yaml:2:1: the bootstrap lock was made from trixie"},
		{"[amd64, arm64]", "[amd64, riscv64]", true, "debian.yaml:3:24: the bootstrap lock has no userland for riscv64"},
		{"[gone]", "[gone, base-files]", true, "base-files for amd64"},
		{"packages:", "snapshot: 20270101T000000Z\npackages:", true, "debian.yaml:4:11: the bootstrap lock is of 2026"},
		{"  - base-files\n", "  - base-files\n  - bash\n", true, "debian.yaml:6:5: bash is not in"},
	} {
		spec, err := bootstrap.ParseSpec("debian.yaml", []byte(strings.Replace(specText, change.old, change.new, 1)))
		if err != nil {
			t.Fatal(err)
		}

		if err := lock.Stale(spec); err == nil || !strings.Contains(err.Error(), change.stale) {
			t.Errorf("%q: got %v, want %q", change.new, err, change.stale)
		}

		offline, err := source.Open(t.TempDir(), source.Options{Offline: true})
		if err != nil {
			t.Fatal(err)
		}

		again, err := bootstrap.Resolve(t.Context(), spec, bootstrap.ResolveOptions{Store: offline, Previous: lock})
		if (err != nil) != change.refresh {
			t.Errorf("%q: %v", change.new, err)
		}

		if err == nil {
			if err := again.Stale(spec); err != nil {
				t.Errorf("after locking again: %v", err)
			}
		}
	}
}

func TestResolveErrors(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{"unknown package", "- clang", "- clagn", "debian.yaml:6:5: no package clagn for amd64 in trixie; did you mean \"clang\"?"},
		{"unknown to leave out", "[gone]", "[gonee]", "no package gonee to leave out; did you mean \"gone\"?"},
		{"unknown architecture", "[amd64, arm64]", "[amd64, riscv64]", "no index main/binary-riscv64"},
		{"unknown component", "packages:", "components: [extra]\npackages:", "no component \"extra\""},
		{"unknown suite", "[trixie]", "[forky]", "dists/forky/InRelease"},
		{"dependency", "    depends: false\n", "    depends: false\n  - name: efi\n    architectures: [arm64]\n", "efi 257 depends on nothing-here"},
		{"snapshot before the suite", "packages:", "snapshot: 20260101T000000Z\npackages:", "after the snapshot 20260101T000000Z"},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := resolve(t, sample(t), strings.Replace(specText, test.old, test.new, 1), openStore(t))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}

	t.Run("forged", func(t *testing.T) {
		d := sample(t)
		spec, err := bootstrap.ParseSpec("debian.yaml", []byte(specText))
		if err != nil {
			t.Fatal(err)
		}

		_, err = bootstrap.Resolve(t.Context(), spec, bootstrap.ResolveOptions{
			Store: openStore(t), Keyring: openpgp.EntityList{newDebian(t).key}, Base: d.publish(),
		})
		if err == nil || !strings.Contains(err.Error(), "none of the keys") {
			t.Errorf("got %v", err)
		}
	})
}

func TestAssembleErrors(t *testing.T) {
	d, store := sample(t), openStore(t)
	d.add("twin", "1", "amd64", "", map[string]string{"/usr/bin/clang": "another"})

	text := strings.Replace(specText, "  - clang\n", "  - clang\n  - name: twin\n    architectures: [amd64]\n", 1)

	lock, err := resolve(t, d, text, store)
	if err != nil {
		t.Fatal(err)
	}

	for arch, want := range map[string]string{
		"amd64":   "clang and twin both have /usr/bin/clang",
		"riscv64": "no userland for riscv64, only for [amd64 arm64]",
	} {
		if _, err := bootstrap.Assemble(t.Context(), store, lock, arch, bootstrap.AssembleOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", arch, err, want)
		}
	}

	left, err := filepath.Glob(filepath.Join(filepath.Dir(store.Root()), "bootstrap", "*"))
	hidden, err2 := filepath.Glob(filepath.Join(filepath.Dir(store.Root()), "bootstrap", ".*"))

	if err != nil || err2 != nil || len(left)+len(hidden) > 0 {
		t.Errorf("left behind: %v %v", left, hidden)
	}
}

// A layout that lost a blob, or whose blob was cut, is made again.
func TestDamagedLayout(t *testing.T) {
	store := openStore(t)

	lock, err := resolve(t, sample(t), specText, store)
	if err != nil {
		t.Fatal(err)
	}

	image, err := bootstrap.Assemble(t.Context(), store, lock, "amd64", bootstrap.AssembleOptions{})
	if err != nil {
		t.Fatal(err)
	}

	blob := filepath.Join(image.Dir, "blobs/sha256", strings.TrimPrefix(image.Layer, "sha256:"))

	for _, damage := range []func() error{
		func() error { return os.Remove(blob) },
		func() error { return os.Truncate(blob, 512) },
		func() error { return os.Remove(filepath.Join(image.Dir, "index.json")) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}

		again, err := bootstrap.Assemble(t.Context(), store, lock, "amd64", bootstrap.AssembleOptions{})
		if err != nil || again.Cached || again.Digest != image.Digest {
			t.Errorf("got %+v, %v", again, err)
		}
	}
}
