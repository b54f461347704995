package forge_test

import (
	"encoding/json"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/forge/publish"
	"github.com/akmon-os/akmon/forge/publish/cosign"
	"github.com/akmon-os/akmon/forge/publish/provenance"
	"github.com/akmon-os/akmon/forge/publish/sbom"
)

// command runs a program and gives what it prints.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()

	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")

	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}

	return string(out)
}

// installerTree is a tree whose one image has a program as it is and another
// one packed as the node's are: in a squashfs, in a cpio archive, in zstd.
func installerTree(t *testing.T) string {
	t.Helper()

	if os.Getuid() != 0 {
		t.Skip("the embedded engine needs root")
	}

	for _, tool := range []string{"runc", "git", "mksquashfs", "cpio", "zstd", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}

	dir, work := t.TempDir(), t.TempDir()
	files := filepath.Join(dir, "installer", "files")

	for _, d := range []string{filepath.Join(files, "usr/bin"), filepath.Join(work, "root/usr/bin"), filepath.Join(work, "initramfs")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}

	command(t, "..", "go", "build", "-o", filepath.Join(files, "usr/bin/init"), "./cmd/init")
	command(t, "..", "go", "build", "-ldflags=-s -w -buildid=", "-o", filepath.Join(work, "root/usr/bin/installer"), "./cmd/installer")
	command(t, work, "mksquashfs", "root", "initramfs/rootfs.sqsh", "-comp", "zstd", "-b", "256K", "-no-progress", "-quiet", "-all-root", "-no-xattrs")
	command(t, work, "sh", "-c", "cd initramfs && find . | cpio --quiet -o -H newc | zstd -q >"+filepath.Join(files, "initramfs.xz"))

	for name, text := range map[string]string{
		"pkg.yaml": "format: v1alpha2\nvars: {VENDOR: Example}\n",
		"installer/pkg.yaml": "name: installer\nversion: v1\nlicenses: [MIT]\ndependencies: [{stage: lib, to: /usr/share}]\n" +
			"finalize:\n  - {from: /pkg/files, to: /}\n  - {from: /usr/share, to: /usr/share}\nimage: {}\n",
		"lib/pkg.yaml":  "name: lib\nversion: '2'\nlicenses: [Zlib]\nfinalize: [{from: /pkg/lib.txt, to: /}]\n",
		"lib/lib.txt":   "x\n",
		".gitignore":    "*.key\n",
		"README/README": "not looked at\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	command(t, dir, "git", "init", "-q")
	command(t, dir, "git", "add", ".")
	command(t, dir, "git", "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-qm", "x")
	command(t, dir, "git", "remote", "add", "origin", "https://user:secret@example.org/os.git")

	return dir
}

// linked is what Go itself says is in a program.
func linked(t *testing.T, program string) []string {
	t.Helper()

	modules := []string{"stdlib"}

	for line := range strings.Lines(command(t, "", "go", "version", "-m", program)) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[0] == "dep" {
			modules = append(modules, fields[1])
		}
	}

	slices.Sort(modules)

	return modules
}

// TestBuildDescribesSignsAndProves builds an image with a real engine and reads
// back all that is said about it.
func TestBuildDescribesSignsAndProves(t *testing.T) {
	dir := installerTree(t)
	out := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("AKMON_KEY_PASSWORD", "x")

	if err := forge.GenerateKey(filepath.Join(out, "k")); err != nil {
		t.Fatal(err)
	}

	// An old registry, without the referrers API.
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()

	remote := strings.TrimPrefix(server.URL, "http://") + "/x/installer:v1"

	build := func() *forge.Result {
		t.Helper()

		result, err := forge.Build(t.Context(), forge.Options{
			Dir: dir, Targets: []string{"installer"}, Store: t.TempDir(), Key: filepath.Join(out, "k.key"),
			Args:    map[string]string{"TAG": "v1"},
			Outputs: []forge.Output{{Type: engine.OCILayout, Dest: out}, {Type: engine.Registry, Ref: remote, Insecure: true}},
		})
		if err != nil {
			t.Fatal(err)
		}

		return result
	}

	result := build()
	image := "oci:" + filepath.Join(out, "installer")

	target, err := publish.Open(t.Context(), image, publish.Options{})
	if err != nil {
		t.Fatal(err)
	}

	raw, err := os.ReadFile(filepath.Join(out, "k.pub"))
	if err != nil {
		t.Fatal(err)
	}

	key, err := cosign.ParsePublicKey(raw)
	if err != nil {
		t.Fatal(err)
	}

	for _, ref := range []string{image, remote} {
		verified, err := forge.Verify(t.Context(), ref, forge.VerifyOptions{Key: filepath.Join(out, "k.pub")})
		if err != nil {
			t.Fatal(err)
		}

		types := map[string]bool{}
		for _, a := range verified.Attachments {
			types[a.Type] = a.Signed
		}

		if diff := cmp.Diff(map[string]bool{publish.SPDXType: true, publish.CycloneDXType: true, publish.EnvelopeType: true}, types); diff != "" {
			t.Errorf("%s: attachments, signed (-want +got):\n%s", ref, diff)
		}

		if len(verified.Provenance) != 1 {
			t.Errorf("%s: %d statements of provenance", ref, len(verified.Provenance))
		}
	}

	checkPrograms(t, dir, filepath.Join(out, "installer.spdx.json"))
	checkProvenance(t, dir, target, key, result.Targets[0].Digest)

	// Nothing has changed: nothing changes.
	before := read(t, filepath.Join(out, "installer", "index.json"))

	again := build()
	if diff := cmp.Diff(result.Targets, again.Targets); diff != "" {
		t.Errorf("second build (-first +second):\n%s", diff)
	}

	if diff := cmp.Diff(before, read(t, filepath.Join(out, "installer", "index.json"))); diff != "" {
		t.Errorf("the layout after a second build:\n%s", diff)
	}

	// Another commit: the same image, and one statement about it, the new one.
	if err := os.WriteFile(filepath.Join(dir, "README", "README"), []byte("changed\n"), 0o644); err != nil {
		t.Fatal(err)
	}

	if third := build(); third.Targets[0].Digest != result.Targets[0].Digest {
		t.Error("a file that is not looked at changes the image")
	}

	statements, err := publish.Statements(t.Context(), target, key)
	if err != nil || len(statements) != 1 {
		t.Fatalf("%d statements, %v", len(statements), err)
	}

	s, err := provenance.Parse(statements[0].Statement)
	if err != nil {
		t.Fatal(err)
	}

	if _, modified := s.Commit(); !modified {
		t.Error("a changed file is not said to be changed")
	}
}

func checkPrograms(t *testing.T, dir, document string) {
	t.Helper()

	described, err := sbom.Read([]byte(read(t, document)))
	if err != nil {
		t.Fatal(err)
	}

	got := map[string][]string{}

	for _, p := range described.Programs {
		for _, m := range p.Modules {
			got[p.Location] = append(got[p.Location], m.Path)
		}

		slices.Sort(got[p.Location])
	}

	unpacked := filepath.Join(t.TempDir(), "installer")
	command(t, "..", "go", "build", "-o", unpacked, "./cmd/installer")

	want := map[string][]string{
		"/usr/bin/init": linked(t, filepath.Join(dir, "installer/files/usr/bin/init")),
		"/initramfs.xz:/rootfs.sqsh:/usr/bin/installer": linked(t, unpacked),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("modules by program (-want +got):\n%s", diff)
	}

	if len(described.Components) != 1 || described.Components[0].Name != "lib" {
		t.Errorf("components: %+v", described.Components)
	}
}

func checkProvenance(t *testing.T, dir string, target *publish.Target, key any, digest string) {
	t.Helper()

	statements, err := publish.Statements(t.Context(), target, key)
	if err != nil || len(statements) != 1 || !statements[0].Signed {
		t.Fatalf("statements: %+v, %v", statements, err)
	}

	s, err := provenance.Parse(statements[0].Statement)
	if err != nil {
		t.Fatal(err)
	}

	if !s.About(digest) {
		t.Errorf("it is about %v, not %s", s.Subject, digest)
	}

	head := strings.TrimSpace(command(t, dir, "git", "rev-parse", "HEAD"))
	want := provenance.BuildDefinition{
		BuildType: provenance.BuildType,
		External: provenance.External{
			Target: "installer", Platforms: []string{s.Predicate.BuildDefinition.External.Platforms[0]},
			Arguments: map[string]string{"TAG": "v1"}, Epoch: 315532800,
		},
		Internal: provenance.Internal{Packages: []provenance.Package{
			{Name: "lib", Version: "2"}, {Name: "installer", Version: "v1", Needs: []string{"lib"}},
		}},
		Materials: []provenance.Resource{{
			Name: "tree", URI: "git+https://example.org/os.git@" + head, Digest: map[string]string{"gitCommit": head},
		}},
	}
	if diff := cmp.Diff(want, s.Predicate.BuildDefinition); diff != "" {
		t.Errorf("build definition (-want +got):\n%s", diff)
	}

	var fields map[string]json.RawMessage
	if err := json.Unmarshal(statements[0].Statement, &fields); err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff([]string{"_type", "predicate", "predicateType", "subject"}, slices.Sorted(maps.Keys(fields))); diff != "" {
		t.Error(diff)
	}

	if regexp.MustCompile(`secret`).Match(statements[0].Statement) {
		t.Error("it has the password of the repository in it")
	}
}

func read(t *testing.T, path string) string {
	t.Helper()

	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	return string(data)
}
