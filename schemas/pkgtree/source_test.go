package pkgtree_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

func TestSourceErrors(t *testing.T) {
	commit := strings.Repeat("0a", 20)
	sums := ", sha256: " + strings.Repeat("a", 64) + ", sha512: " + strings.Repeat("b", 128)
	image := "image: example.org/x@sha256:" + strings.Repeat("c", 64)

	for source, want := range map[string]string{
		"{}":                                     "4:7: a source must have a url, git, image, debian, local or go",
		"{git: https://example.org/x, local: .}": `4:13: a source has one of url, git, image, debian, local and go, not several`,
		"{git: https://example.org/x" + sums + "}":                                 "4:13: the source has no commit",
		"{git: https://example.org/x, commit: v1" + sums + "}":                     `4:44: "v1" is not a commit: 40 or 64 lower-case hexadecimal digits are wanted; a branch or a tag is a ref`,
		"{git: https://example.org/x, ref: a..b" + sums + "}":                      `4:41: "a..b" is not the name of a branch or a tag`,
		"{git: 'git@example.org:x', ref: a" + sums + "}":                           `4:13: "git@example.org:x" is not the address of a Git repository that begins with https, http, ssh or git`,
		"{git: 'https://example.org/x#main', ref: a" + sums + "}":                  `4:13: "https://example.org/x#main": a ? or # has no meaning here; give a commit, and a directory with from`,
		"{git: https://example.org/x, commit: " + commit + ", ref: a" + sums + "}": "4:91: give a commit or a ref, not both",
		"{git: https://example.org/x, commit: " + commit + "}":                     "4:13: the source has neither sha256 nor sha512; both are needed; they are those of the archive that Akmon makes; `akmon sum` prints them",
		"{git: https://example.org/x, ref: a, from: ../x" + sums + "}":             `4:50: from "../x" leads out of the repository`,
		"{git: https://example.org/x, ref: a, comit: b" + sums + "}":               `4:44: unknown key "comit"; did you mean "commit"?`,
		"{image: 'example.org/x:v1'}":                                              "4:15: an image that is a source must be named with its digest: name@sha256:...",
		"{" + image + ", platform: linux/amd46}":                                   `4:112: platform must be linux/amd64, linux/arm64, linux/armv7 or linux/riscv64, not "linux/amd46"; did you mean "linux/amd64"?`,
		"{" + image + sums + "}":                                                   "4:110: sha256 belongs to a source with url or git or debian, this one has image\n4:184: sha512 belongs to a source with url or git or debian, this one has image",
		"{debian: https://example.org/x.deb" + sums + "}":                          `4:16: "https://example.org/x.deb" is not an http or https URL of a .dsc`,
		"{debian: https://example.org/x.dsc, commit: x" + sums + "}":               "4:51: commit belongs to a source with git, this one has debian",
		"{local: ., destination: ../x}":                                            `4:31: destination "../x" leads out of the step's directory`,
		"{git: https://example.org/x, commit: " + commit + sums + "}":              "",
		"{git: https://example.org/x, ref: v1.0/a" + sums + "}":                    "",
		"{" + image + "}": "",
		"{debian: https://example.org/x_1%2b2.dsc" + sums + "}": "",
	} {
		var (
			p   pkgtree.Package
			got []string
		)

		for _, e := range document.Join("", document.Decode("p", []byte("name: a\nsteps:\n  - sources:\n    - "+source+"\n"), &p)) {
			line, _, _ := strings.Cut(e.Error(), "\n")
			got = append(got, strings.TrimPrefix(line, "p:"))
		}

		if diff := cmp.Diff(want, strings.Join(got, "\n")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", source, diff)
		}
	}
}

func TestPatch(t *testing.T) {
	for text, want := range map[string]string{
		"a/*.patch":            "",
		"{path: a, strip: 0}":  "",
		"{source: a}":          "",
		"{path: a, source: b}": "4:14: a patch is a file of the package directory (path) or of a source (source)",
		"{strip: 1}":           "4:7: a patch is a file of the package directory (path) or of a source (source)",
		"../a":                 `4:7: patch "../a" is not in the package directory`,
		"/a":                   `4:7: patch "/a" is not in the package directory`,
		"{source: ../a}":       `4:16: patch "../a" leads out of the step's directory`,
		"'[a'":                 `4:7: "[a" is not a pattern: a bracket is not closed, or a backslash escapes nothing`,
		"{path: a, strip: -1}": "4:24: strip must be a number from 0 to 99",
		"{paht: a}":            `4:8: unknown key "paht"; did you mean "path"?`,
		"":                     "4:6: this entry of patches is empty; remove it",
	} {
		var p pkgtree.Package

		err := document.Decode("p", []byte("name: a\nsteps:\n  - patches:\n    - "+text+"\n"), &p)

		got := ""
		if all := document.Join("", err); len(all) > 0 {
			line, _, _ := strings.Cut(all[len(all)-1].Error(), "\n")
			got = strings.TrimPrefix(line, "p:")
		}

		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestSourceLocation(t *testing.T) {
	image := "example.org/x:v1@sha256:" + strings.Repeat("c", 64)

	for want, s := range map[string]pkgtree.Source{
		"git+https://example.org/x.git@v1": {Git: "https://example.org/x.git", Ref: "v1"},
		"oci://" + image:                   {Image: image},
		"https://example.org/x.dsc":        {Debian: "https://example.org/x.dsc"},
		"https://example.org/x":            {URL: "https://example.org/x"},
		"":                                 {Local: "."},
	} {
		if got := s.Location(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}

	if s := (pkgtree.Source{Image: image}); s.Digest() != strings.Repeat("c", 64) {
		t.Errorf("the digest is %s", s.Digest())
	}
}
