package update_test

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/update"
)

// world is a server that is every host: it answers by host and path.
type world map[string]string

func (w world) client(t *testing.T) *http.Client {
	t.Helper()

	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		answer, ok := w[r.Host+r.URL.RequestURI()]
		if !ok {
			http.NotFound(rw, r)

			return
		}

		_, _ = rw.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)

	return &http.Client{Transport: redirect(strings.TrimPrefix(server.URL, "http://"))}
}

// redirect sends every request to one address.
type redirect string

func (to redirect) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "unreachable.example.org" {
		return nil, fmt.Errorf("dial tcp: lookup %s: no such host", r.URL.Host)
	}

	r = r.Clone(r.Context())
	r.Host = r.URL.Host
	r.URL.Scheme, r.URL.Host = "http", string(to)

	return http.DefaultTransport.RoundTrip(r)
}

// refs is what a Git server says first.
func refs(tags ...string) string {
	line := func(s string) string { return fmt.Sprintf("%04x%s", len(s)+4, s) }
	out := line("# service=git-upload-pack\n") + "0000" + line(strings.Repeat("0", 40)+" HEAD\x00multi_ack thin-pack\n")

	for _, tag := range tags {
		out += line(strings.Repeat("1", 40)+" refs/tags/"+tag+"\n") + line(strings.Repeat("2", 40)+" refs/tags/"+tag+"^{}\n")
	}

	return out + "0000"
}

// sums gives both sums of a text.
func sums(text string) (string, string) {
	a, b := sha256.Sum256([]byte(text)), sha512.Sum512([]byte(text))

	return hex.EncodeToString(a[:]), hex.EncodeToString(b[:])
}

// fill puts sums in the place of SHA256(text) and SHA512(text).
func fill(text string) string {
	for _, content := range []string{
		"zlib 1.3.1", "zlib 1.4.0", "musl 1.2.5", "musl 1.2.6", "go 1.26.8 amd64", "go 1.26.9 amd64", "go 1.26.8 arm64", "go 1.26.9 arm64",
		"ssl 3.5.0", "ssl 3.6.1", "tool 2.1", "tool 2.2", "vars 1",
	} {
		a, b := sums(content)
		text = strings.ReplaceAll(text, "SHA256("+content+")", a)
		text = strings.ReplaceAll(text, "SHA512("+content+")", b)
	}

	return text
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()

	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(path, []byte(fill(text)), 0o640); err != nil {
			t.Fatal(err)
		}
	}
}

func run(t *testing.T, dir string, w world, edit bool, targets ...string) ([]update.Result, error) {
	t.Helper()

	store, err := source.Open(t.TempDir(), source.Options{})
	if err != nil {
		t.Fatal(err)
	}

	results, err := update.Run(context.Background(), update.Options{
		Dir: dir, Client: w.client(t), Store: store, Write: edit, Targets: targets,
		Platforms: []ocispecs.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}},
	})

	for i := range results {
		results[i].File = strings.TrimPrefix(results[i].File, dir+"/")
		for j := range results[i].Changed {
			results[i].Changed[j] = strings.TrimPrefix(results[i].Changed[j], dir+"/")
		}
	}

	return results, err
}

var tree = map[string]string{
	"pkg.yaml": `# The root.
format: v1alpha2
vars:
  MUSL_VERSION: 1.2.5   # a comment
  MUSL_SHA256: SHA256(musl 1.2.5)
  MUSL_SHA512: "SHA512(musl 1.2.5)"

  GO_VERSION: 1.26.8
  GO_AMD64_SHA256: SHA256(go 1.26.8 amd64)
  GO_AMD64_SHA512: SHA512(go 1.26.8 amd64)
  GO_ARM64_SHA256: SHA256(go 1.26.8 arm64)
  GO_ARM64_SHA512: SHA512(go 1.26.8 arm64)

  # renovate: datasource=github-tags extractVersion=^openssl-(?<version>.*)$ depName=openssl/openssl
  openssl_version: 3.5.0
  openssl_sha256: SHA256(ssl 3.5.0)
  openssl_sha512: SHA512(ssl 3.5.0)
`,
	"zlib/pkg.yaml": `# Everything is written out here.
name: zlib
version:   "1.3.1"   # keep me
upstream: https://zlib.example.org/
steps:
  - sources:
      - url: https://zlib.example.org/1.3/zlib-1.3.1.tar.gz
        sha256:  SHA256(zlib 1.3.1)
        sha512: SHA512(zlib 1.3.1)
    prepare:
      # 1.3.1 stays in comments; the file's name does not.
      - tar -xzf zlib-1.3.1.tar.gz
      - cd zlib-1.3.1 && ./configure {{ .ARCH }}
finalize: [{from: /rootfs}]
`,
	"musl/pkg.yaml": `name: musl
version: {{ .MUSL_VERSION }}
upstream: https://git.example.org/musl.git
steps:
  - sources:
      - url: https://musl.example.org/musl-{{ .MUSL_VERSION }}.tar.gz
        destination: musl.tar.gz
        sha256: {{ .MUSL_SHA256 }}
        sha512: {{ .MUSL_SHA512 }}
finalize: [{from: /rootfs}]
`,
	"go/pkg.yaml": `name: go
version: {{ .GO_VERSION }}
upstream: https://go.example.org/dl/#^go(1\.26\.\d+)\.linux-amd64\.tar\.gz$
steps:
  - sources:
{{- if eq .BUILDPLATFORM "linux/arm64" }}
      - url: https://go.example.org/dl/go{{ .GO_VERSION }}.linux-arm64.tar.gz
        sha256: {{ .GO_ARM64_SHA256 }}
        sha512: {{ .GO_ARM64_SHA512 }}
{{- else }}
      - url: https://go.example.org/dl/go{{ .GO_VERSION }}.linux-amd64.tar.gz
        sha256: {{ .GO_AMD64_SHA256 }}
        sha512: {{ .GO_AMD64_SHA512 }}
{{- end }}
finalize: [{from: /rootfs}]
`,
	"ssl/pkg.yaml": `name: ssl
version: {{ .openssl_version }}
steps:
  - sources:
      - url: https://ssl.example.org/openssl-{{ .openssl_version }}.tar.gz
        sha256: {{ .openssl_sha256 }}
        sha512: {{ .openssl_sha512 }}
finalize: [{from: /rootfs}]
`,
	"arch/pkg.yaml": `name: arch
version: 1.26.8
upstream: https://go.example.org/dl/#^go(1\.26\.\d+)\.linux-amd64\.tar\.gz$
steps:
  - sources:
      - url:
          amd64: https://go.example.org/dl/go1.26.8.linux-amd64.tar.gz
          arm64: https://go.example.org/dl/go1.26.8.linux-arm64.tar.gz
        destination: go.tar.gz
        sha256: {amd64: SHA256(go 1.26.8 amd64), arm64: SHA256(go 1.26.8 arm64)}
        sha512:
          amd64: SHA512(go 1.26.8 amd64)
          arm64: SHA512(go 1.26.8 arm64)
finalize: [{from: /rootfs}]
`,
	"tool/vars.yaml": "TOOL: v2.1\nTOOL_SHA256: SHA256(tool 2.1)\nTOOL_SHA512: SHA512(tool 2.1)\n",
	"tool/pkg.yaml": `name: tool
version: '{{ .TOOL | trimPrefix "v" }}'
upstream: https://github.com/example/tool/releases
steps:
  - sources:
      - url: 'https://github.com/example/tool/archive/refs/tags/{{ .TOOL }}.tar.gz'
        sha256: "{{ .TOOL_SHA256 }}"
        sha512: "{{ .TOOL_SHA512 }}"
finalize: [{from: /rootfs}]
`,
}

var answers = world{
	"zlib.example.org/":                                                    `<a href="/">up</a> <a href="zlib-1.2.11.tar.gz"> <A HREF='zlib-1.3.1.tar.gz'> <a href=1.4/zlib-1.4.0.tar.gz?x=1> <a href="zlib-1.5.0rc1.tar.gz">`,
	"zlib.example.org/1.4/zlib-1.4.0.tar.gz":                               "zlib 1.4.0",
	"git.example.org/musl.git/info/refs?service=git-upload-pack":           refs("v0.9.0", "v1.2.10-rc1", "v1.2.5", "v1.2.6", "nightly-20260101"),
	"musl.example.org/musl-1.2.6.tar.gz":                                   "musl 1.2.6",
	"go.example.org/dl/":                                                   `<a href="/dl/go1.27.1.linux-amd64.tar.gz"><a href="/dl/go1.26.9.linux-amd64.tar.gz"><a href="/dl/go1.26.9.linux-arm64.tar.gz">`,
	"go.example.org/dl/go1.26.9.linux-amd64.tar.gz":                        "go 1.26.9 amd64",
	"go.example.org/dl/go1.26.9.linux-arm64.tar.gz":                        "go 1.26.9 arm64",
	"github.com/openssl/openssl/info/refs?service=git-upload-pack":         refs("openssl-3.5.0", "openssl-3.6.1", "openssl-4.0.0-alpha1", "OpenSSL_1_1_1"),
	"ssl.example.org/openssl-3.6.1.tar.gz":                                 "ssl 3.6.1",
	"api.github.com/repos/example/tool/releases?per_page=100":              `[{"tag_name":"v3.0","prerelease":true},{"tag_name":"v2.9","draft":true},{"tag_name":"v2.2"},{"tag_name":"v2.1"}]`,
	"github.com/example/tool/archive/refs/tags/v2.2.tar.gz":                "tool 2.2",
	"snapshot.debian.org/mr/package/musl/":                                 `{"package":"musl","result":[{"version":"1.2.6-1"},{"version":"1:1.2.5-3"}]}`,
	"unused.example.org/info/refs?service=git-upload-pack":                 "<html>",
	"empty.example.org/":                                                   "nothing",
	"odd.example.org/info/refs?service=git-upload-pack":                    refs("one", "two"),
	"git.example.org/underscores.git/info/refs?service=git-upload-pack":    refs("R_1_2_5", "R_1_3_0"),
	"git.example.org/prefix/libfoo2.git/info/refs?service=git-upload-pack": refs("libfoo2-1.2.5", "libfoo2-1.2.7", "libfoo-9.0"),
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, tree)

	got, err := run(t, dir, answers, false)
	if err != nil {
		t.Fatal(err)
	}

	want := []update.Result{
		{Name: "arch", File: "arch/pkg.yaml", Line: 2, Upstream: `https://go.example.org/dl/#^go(1\.26\.\d+)\.linux-amd64\.tar\.gz$`, Current: "1.26.8", Newest: "1.26.9", State: update.Newer},
		{Name: "musl", File: "pkg.yaml", Line: 4, Upstream: "https://git.example.org/musl.git", Current: "1.2.5", Newest: "1.2.6", State: update.Newer},
		{Name: "go", File: "pkg.yaml", Line: 8, Upstream: `https://go.example.org/dl/#^go(1\.26\.\d+)\.linux-amd64\.tar\.gz$`, Current: "1.26.8", Newest: "1.26.9", State: update.Newer},
		{Name: "openssl_version", File: "pkg.yaml", Line: 15, Upstream: "https://github.com/openssl/openssl", Current: "3.5.0", Newest: "3.6.1", State: update.Newer},
		{Name: "tool", File: "tool/vars.yaml", Line: 1, Upstream: "https://github.com/example/tool/releases", Current: "2.1", Newest: "2.2", State: update.Newer},
		{Name: "zlib", File: "zlib/pkg.yaml", Line: 3, Upstream: "https://zlib.example.org/", Current: "1.3.1", Newest: "1.4.0", State: update.Newer},
	}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	for name, text := range tree {
		if now, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(now) != fill(text) {
			t.Errorf("%s has changed", name)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, tree)

	got, err := run(t, dir, answers, true)
	if err != nil {
		t.Fatal(err)
	}

	for _, r := range got {
		if r.State != update.Written {
			t.Errorf("%s is %s: %s", r.Name, r.State, r.Reason)
		}
	}

	changes := strings.NewReplacer(
		"MUSL_VERSION: 1.2.5", "MUSL_VERSION: 1.2.6", "(musl 1.2.5)", "(musl 1.2.6)",
		"GO_VERSION: 1.26.8", "GO_VERSION: 1.26.9", "(go 1.26.8", "(go 1.26.9",
		"version: 1.26.8", "version: 1.26.9", "dl/go1.26.8", "dl/go1.26.9",
		"openssl_version: 3.5.0", "openssl_version: 3.6.1", "(ssl 3.5.0)", "(ssl 3.6.1)",
		"TOOL: v2.1", "TOOL: v2.2", "(tool 2.1)", "(tool 2.2)",
		`"1.3.1"   # keep me`, `"1.4.0"   # keep me`, "zlib-1.3.1", "zlib-1.4.0", "/1.3/", "/1.4/", "(zlib 1.3.1)", "(zlib 1.4.0)",
	)

	for name, text := range tree {
		now, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff(fill(changes.Replace(text)), string(now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}

		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}

	// The second time there is nothing to do.
	again, err := run(t, dir, answers, true)
	if err != nil {
		t.Fatal(err)
	}

	for _, r := range again {
		if r.State != update.Current || len(r.Changed) > 0 {
			t.Errorf("again, %s is %s", r.Name, r.State)
		}
	}
}

func TestTargets(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, tree)

	got, err := run(t, dir, answers, false, "ssl", "zlib")
	if err != nil || len(got) != 2 || got[0].Name != "openssl_version" || got[1].Name != "zlib" {
		t.Errorf("got %v, %v", got, err)
	}

	if _, err := run(t, dir, answers, false, "zlibb"); err == nil || !strings.Contains(err.Error(), `did you mean "zlib"?`) {
		t.Errorf("got %v", err)
	}
}

// What is said when there is nothing to be had; and that nothing is changed.
func TestFailures(t *testing.T) {
	pkg := func(upstream, rest string) string {
		return "name: a\nversion: 1.2.5\nupstream: " + upstream + "\n" + rest + "finalize: [{from: /}]\n"
	}
	src := "steps:\n  - sources:\n      - url: https://musl.example.org/musl-1.2.5.tar.gz\n        sha256: SHA256(musl 1.2.5)\n        sha512: SHA512(musl 1.2.5)\n"

	for name, test := range map[string]struct {
		recipe string
		state  update.State
		want   string
	}{
		"unreachable":       {pkg("https://unreachable.example.org/a.git", src), update.Failed, "ask https://unreachable.example.org/a.git/info/refs?service=git-upload-pack: dial tcp: lookup unreachable.example.org: no such host"},
		"not found":         {pkg("https://git.example.org/nothing.git", src), update.Failed, "404 Not Found"},
		"no git server":     {pkg("git+https://unused.example.org/", src), update.Failed, "this is no Git server"},
		"no such tags":      {pkg("git+https://odd.example.org/", src), update.Failed, "none of the 0 names at https://odd.example.org/ is a version like 1.2.5"},
		"no links":          {pkg("https://empty.example.org/", src), update.Failed, "https://empty.example.org/ has no links"},
		"no file":           {pkg("https://zlib.example.org/", ""), update.Failed, "no source file has the version in its name"},
		"no URL":            {pkg("musl", src), update.Failed, `upstream "musl" is not an http or https URL`},
		"unclear":           {pkg("https://example.org/musl", src), update.Failed, "does not say where versions are listed"},
		"bad pattern":       {pkg("https://example.org/#(", src), update.Failed, "the pattern of upstream: error parsing regexp"},
		"no group":          {pkg("https://example.org/#musl", src), update.Failed, `the pattern "musl" has no group for the version`},
		"no version":        {"name: a\nupstream: https://zlib.example.org/\n", update.Failed, "the package has no version"},
		"made up":           {"name: a\nversion: {{ list 1 2 5 | join \".\" }}\nupstream: https://git.example.org/musl.git\n", update.Failed, "the version is not written in the recipe"},
		"no such file":      {pkg("https://git.example.org/prefix/libfoo2.git", src), update.Failed, "ask https://musl.example.org/musl-1.2.7.tar.gz: 404 Not Found"},
		"another URL":       {pkg("https://git.example.org/musl.git", strings.ReplaceAll(src, "musl-1.2.5", "musl-latest")), update.Failed, "no source has another URL with that version"},
		"half of it":        {pkg("https://git.example.org/musl.git", src+strings.TrimPrefix(strings.Replace(src, "https://musl.example.org/musl-1.2.5.tar.gz", "{{ .ELSEWHERE }}", 1), "steps:\n")), update.Failed, "https://musl.example.org/other-1.2.5.tar.gz still has the version 1.2.5"},
		"debian":            {pkg("https://snapshot.debian.org/package/musl/", src), update.Written, ""},
		"underscores":       {pkg("https://git.example.org/underscores.git", strings.ReplaceAll(src, "musl-1.2.5", "musl-latest")), update.Failed, "no source has another URL"},
		"computed sum":      {pkg("https://git.example.org/musl.git", strings.Replace(src, "SHA256(musl 1.2.5)", "{{ .SUM | lower }}", 1)), update.Failed, "are not written where they could be changed"},
		"unknown source":    {"name: a\n# renovate: datasource=docker depName=x\nversion: 1.2.5\n", update.Skipped, `datasource "docker" is not one of`},
		"extract":           {"name: a\n# renovate: datasource=github-tags extractVersion=^v( depName=x/y\nversion: 1.2.5\n", update.Skipped, "error parsing regexp"},
		"nothing but words": {"name: a\n# renovate: datasource=github-tags depName=x/y\nversion: main\n", update.Skipped, `"main" has no version in it`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			files := map[string]string{
				"pkg.yaml": "format: v1alpha2\nvars:\n  ELSEWHERE: https://musl.example.org/other-1.2.5.tar.gz\n  SUM: " + strings.ToUpper(fill("SHA256(musl 1.2.5)")) + "\n", "a/pkg.yaml": test.recipe,
			}
			write(t, dir, files)

			got, err := run(t, dir, answers, true)
			if err != nil {
				t.Fatal(err)
			}

			if len(got) != 1 || got[0].State != test.state || !strings.Contains(got[0].Reason, test.want) {
				t.Errorf("got %+v, want %s", got, test.want)
			}

			now, err := os.ReadFile(filepath.Join(dir, "a/pkg.yaml"))
			if changed := string(now) != fill(test.recipe); err != nil || changed != (test.state == update.Written) {
				t.Errorf("the recipe is now\n%s\n%v", now, err)
			}
		})
	}
}
