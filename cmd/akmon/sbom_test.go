package main

import (
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/akmon-os/akmon/forge/publish"
	"github.com/akmon-os/akmon/forge/publish/cosign"
	"github.com/akmon-os/akmon/forge/publish/sbom"
)

// describedImage is a signed layout with a bill of materials, and its key.
func describedImage(t *testing.T) (image, key string) {
	t.Helper()

	dir := t.TempDir()
	image, key = filepath.Join(dir, "image"), filepath.Join(dir, "k.pub")

	img, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}

	l, err := layout.Write(image, empty.Index)
	if err != nil {
		t.Fatal(err)
	}

	if err := l.AppendImage(img); err != nil {
		t.Fatal(err)
	}

	target, err := publish.Open(t.Context(), image, publish.Options{})
	if err != nil {
		t.Fatal(err)
	}

	zeros := strings.Repeat("0", 64)
	stdlib := sbom.Module{Path: "stdlib", Version: "1.26.8"}

	document, err := sbom.SPDX(sbom.Image{
		Name: "os", Version: "v1", Digest: target.Digest().String(), Platform: "linux/amd64",
		Components: []sbom.Component{{Name: "musl", Version: "1.2.5", Licenses: []string{"MIT"}}, {Name: "odd"}},
		Tools:      []sbom.Component{{Name: "clang", Version: "19", Licenses: []string{"Apache-2.0"}}},
		Programs: []sbom.Program{
			{Name: "example.org/a", Module: "example.org/a", Location: "/a", Modules: []sbom.Module{stdlib, {Path: "example.org/lib", Version: "v1.0.0"}}},
			{Name: "example.org/b", Module: "example.org/b", Location: "/r.sqsh:/b", Modules: []sbom.Module{stdlib}},
		},
		Files: []sbom.File{{Path: "/a", SHA1: zeros[:40], SHA256: zeros}},
	})
	if err != nil {
		t.Fatal(err)
	}

	if _, err := target.Attach(t.Context(), publish.SPDXType, document, nil); err != nil {
		t.Fatal(err)
	}

	private, public, err := cosign.GenerateKeyPair(nil)
	if err != nil {
		t.Fatal(err)
	}

	signer, err := cosign.ParsePrivateKey(private, func() ([]byte, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}

	if err := publish.Sign(t.Context(), target, signer, publish.SignOptions{}); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(key, public, 0o644); err != nil {
		t.Fatal(err)
	}

	return image, key
}

// akmon runs the program and wants it to succeed.
func akmon(t *testing.T, args ...string) string {
	t.Helper()

	var stdout, stderr bytes.Buffer
	if code := run(args, &stdout, &stderr); code != 0 {
		t.Fatalf("akmon %s: exit code %d\n%s", strings.Join(args, " "), code, stderr.String())
	}

	return stdout.String()
}

func TestSBOM(t *testing.T) {
	image, key := describedImage(t)

	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()

	host := strings.TrimPrefix(server.URL, "http://")
	akmon(t, "push", "oci:"+image, host+"/x/os:v1")

	for _, ref := range []string{"oci:" + image, host + "/x/os:v1"} {
		for _, test := range []struct{ args, want string }{
			{"", "KIND     NAME             VERSION  LICENCE\n" +
				"package  musl             1.2.5    MIT\n" +
				"package  odd                       \n" +
				"program  example.org/a             \n" +
				"program  example.org/b             \n" +
				"module   example.org/lib  v1.0.0   \n" +
				"module   stdlib           1.26.8   BSD-3-Clause\n" +
				"tool     clang            19       Apache-2.0\n"},
			{"--licenses", "BSD-3-Clause (1)\n  stdlib 1.26.8\nMIT (1)\n  musl 1.2.5\nunknown (2)\n  odd\n  example.org/lib v1.0.0\n"},
			{"--files", strings.Repeat("0", 64) + "  /a\n"},
			{"--files -o json", "[\n  {\n    \"path\": \"/a\",\n    \"sha256\": \"" + strings.Repeat("0", 64) + "\"\n  }\n]\n"},
		} {
			got := akmon(t, append([]string{"sbom", ref}, strings.Fields(test.args)...)...)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", ref, test.args, diff)
			}
		}

		if got := akmon(t, "sbom", ref, "-o", "json"); !strings.Contains(got, `"pkg:golang/stdlib@1.26.8"`) || !strings.Contains(got, `"example.org/b"`) {
			t.Errorf("json: %s", got)
		}

		if got := akmon(t, "sbom", ref, "-o", "cyclonedx"); !strings.Contains(got, `"bomFormat": "CycloneDX"`) {
			t.Errorf("cyclonedx: %s", got)
		}

		if read, err := sbom.Read([]byte(akmon(t, "sbom", ref, "-o", "spdx"))); err != nil || len(read.Programs) != 2 {
			t.Errorf("spdx: %+v, %v", read, err)
		}
	}

	if got := akmon(t, "verify", host+"/x/os:v1", "--key", key); !strings.HasPrefix(got, "sha256:") || strings.Count(got, "\n") != 1 {
		t.Errorf("verify prints %q", got)
	}

	if got := akmon(t, "verify", host+"/x/os:v1", "--key", key, "-o", "json"); !strings.Contains(got, `"application/spdx+json"`) {
		t.Errorf("verify -o json prints %s", got)
	}
}

func TestBadSBOMArguments(t *testing.T) {
	image, key := describedImage(t)

	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"sbom"}, 2, "IMAGE is missing"},
		{[]string{"sbom", image, "-o", "xml"}, 2, `--output "xml" is not text, spdx, cyclonedx or json`},
		{[]string{"sbom", image, "-o", "spdx", "--files"}, 2, "--output spdx is the whole document"},
		{[]string{"sbom", image, "--licenses", "--files"}, 2, "ask for one"},
		{[]string{"sbom", image, "--platform", "z80"}, 2, "--platform"},
		{[]string{"sbom", image + "-none"}, 1, "no such file"},
		{[]string{"verify", image}, 2, "give either --key or --policy"},
		{[]string{"verify", image, "--key", key, "--policy", key}, 2, "give either --key or --policy"},
		{[]string{"verify", image, "--key", key, "--name", "x"}, 2, "--name is for --policy"},
		{[]string{"verify", image, "--key", key, "-o", "xml"}, 2, "is not text or json"},
		{[]string{"verify", image, "--policy", key}, 1, "k.pub:1:"},
		{[]string{"verify", image, "--policy", key + "-none"}, 1, "read policy"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(test.args, &stdout, &stderr); code != test.code || !strings.Contains(stderr.String(), test.want) || stdout.Len() > 0 {
			t.Errorf("%q: exit code %d, want %d and %q:\n%s%s", test.args, code, test.code, test.want, stdout.String(), stderr.String())
		}
	}
}
