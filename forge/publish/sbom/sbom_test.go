package sbom

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // as the format demands
	"encoding/hex"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdxlib"
	"github.com/spdx/tools-golang/utils"

	"github.com/akmon-os/akmon/internal/golden"
)

func sum(text string, n int) string { return strings.Repeat(text, n)[:n] }

func sha1Of(text string) string {
	s := sha1.Sum([]byte(text)) //nolint:gosec // as above

	return hex.EncodeToString(s[:])
}

func installer() Image {
	llvm := Source{URL: "https://snapshot.debian.org/archive/debian/20250801T000000Z/pool/main/l/llvm/llvm_19.tar.xz", SHA256: sum("ab", 64)}

	return Image{
		Name: "installer", Version: "v0.1.0", Digest: "sha256:" + sum("12", 64), Platform: "linux/amd64",
		Supplier: "Akmon", Homepage: "https://akmon.example/", Licenses: []string{"Apache-2.0"},
		Created: time.Unix(1750000000, 0), Tool: "akmon-v0.1.0",
		Components: []Component{
			{
				Name: "musl", Version: "1.2.5", Licenses: []string{"MIT"}, Homepage: "https://musl.libc.org/",
				Supplier: "musl", Description: "C library", CPE: "cpe:2.3:a:musl-libc:musl:1.2.5:*:*:*:*:*:*:*",
				Sources: []Source{{URL: "https://musl.libc.org/releases/musl-1.2.5.tar.gz", SHA256: sum("cd", 64), SHA512: sum("ef", 128)}},
			},
			{
				Name: "linux", Version: "6.12.94", Licenses: []string{"GPL-2.0-only WITH Linux-syscall-note"},
				PURL:    "pkg:generic/linux@6.12.94",
				Sources: []Source{{URL: "https://cdn.kernel.org/linux-6.12.94.tar.xz", SHA256: sum("01", 64)}},
			},
			{Name: "compiler-rt", Version: "19", Licenses: []string{"Apache-2.0 WITH LLVM-exception OR MIT", "LicenseRef-odd"}, Sources: []Source{llvm}},
			{Name: "machined", Version: "v0.1.0"},
		},
		Tools: []Component{{Name: "clang", Version: "19", Licenses: []string{"Apache-2.0 WITH LLVM-exception"}, Sources: []Source{llvm}}},
		Programs: []Program{
			{
				Name: "github.com/akmon-os/akmon/cmd/machined", Module: "github.com/akmon-os/akmon",
				Location: "/usr/install/amd64/initramfs.xz:/rootfs.sqsh:/usr/bin/init",
				Modules: []Module{
					{Path: "stdlib", Version: "1.26.8"},
					{Path: "golang.org/x/sys", Version: "v0.49.0", Sum: "h1:XbzkgYJHdqh/8m2Uu0W/dQv8nktxx4BFHp1M0gROTXA="},
				},
			},
			{
				Name: "github.com/akmon-os/akmon/cmd/installer", Module: "github.com/akmon-os/akmon", Version: "v0.1.0",
				Location: "/usr/bin/installer",
				Modules: []Module{
					{Path: "stdlib", Version: "1.26.8"},
					{Path: "github.com/docker/cli", Version: "v29.8.2+incompatible"},
				},
			},
		},
		Files: []File{
			{Path: "/usr/install/amd64/vmlinuz", SHA1: sha1Of("a"), SHA256: sum("a", 64)},
			{Path: "/usr/bin/installer", SHA1: sha1Of("b"), SHA256: sum("b", 64)},
		},
	}
}

var formats = map[string]func(Image) ([]byte, error){"spdx": SPDX, "cdx": CycloneDX}

func TestGolden(t *testing.T) {
	for name, format := range formats {
		got, err := format(installer())
		if err != nil {
			t.Fatal(err)
		}

		golden.Equal(t, filepath.Join("testdata", "installer."+name+".json"), string(got))
	}
}

func TestOrderDoesNotMatter(t *testing.T) {
	for name, format := range formats {
		t.Run(name, func(t *testing.T) { orderDoesNotMatter(t, format) })
	}
}

func orderDoesNotMatter(t *testing.T, format func(Image) ([]byte, error)) {
	want, err := format(installer())
	if err != nil {
		t.Fatal(err)
	}

	for range 20 {
		image := installer()
		slices.Reverse(image.Components)
		slices.Reverse(image.Files)
		slices.Reverse(image.Programs)
		slices.Reverse(image.Programs[0].Modules)

		for i := range image.Components {
			slices.Reverse(image.Components[i].Licenses)
		}

		got, err := format(image)
		if err != nil {
			t.Fatal(err)
		}

		if !bytes.Equal(want, got) {
			t.Fatalf("order matters:\n%s", cmp.Diff(string(want), string(got)))
		}
	}
}

func TestNamespaceFollowsContent(t *testing.T) {
	space := func(change func(*Image)) string {
		image := installer()
		change(&image)

		data, err := SPDX(image)
		if err != nil {
			t.Fatal(err)
		}

		var doc document
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatal(err)
		}

		return doc.Namespace
	}

	same := space(func(*Image) {})

	for name, change := range map[string]func(*Image){
		"digest":  func(i *Image) { i.Digest = "sha256:" + sum("9", 64) },
		"licence": func(i *Image) { i.Components[0].Licenses = []string{"ISC"} },
	} {
		if space(change) == same {
			t.Errorf("another %s keeps the namespace %s", name, same)
		}
	}
}

// SPDX's own Go library reads the document and finds it valid.
func TestSPDXToolsAgree(t *testing.T) {
	data, err := SPDX(installer())
	if err != nil {
		t.Fatal(err)
	}

	doc, err := spdxjson.Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}

	if err := spdxlib.ValidateDocument(doc); err != nil {
		t.Error(err)
	}

	ids, err := spdxlib.GetDescribedPackageIDs(doc)
	if err != nil || len(ids) != 1 || ids[0] != "Image" {
		t.Errorf("described: %v, %v", ids, err)
	}

	for _, p := range doc.Packages {
		if p.PackageSPDXIdentifier != "Image" {
			continue
		}

		want, err := utils.GetVerificationCode(doc.Files, "")
		if err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff(want, *p.PackageVerificationCode); diff != "" {
			t.Errorf("verification code (-want +got):\n%s", diff)
		}
	}
}

func TestBadInput(t *testing.T) {
	for want, change := range map[string]func(*Image){
		"the image has no name":          func(i *Image) { i.Name = "" },
		"is not sha256":                  func(i *Image) { i.Digest = "latest" },
		"a package has no name":          func(i *Image) { i.Components[0].Name = "" },
		"musl@1.2.5 is listed twice":     func(i *Image) { i.Components = append(i.Components, i.Components[0]) },
		"clang@19 is listed twice":       func(i *Image) { i.Components = append(i.Components, i.Tools[0]) },
		"source has no URL":              func(i *Image) { i.Components[0].Sources[0].URL = "" },
		`"musl.tar" is not an absolute`:  func(i *Image) { i.Components[0].Sources[0].URL = "musl.tar" },
		"malformed checksum":             func(i *Image) { i.Components[0].Sources[0].SHA256 = "x" },
		"homepage":                       func(i *Image) { i.Components[0].Homepage = "musl" },
		`"GPL v2" is not an SPDX`:        func(i *Image) { i.Components[0].Licenses = []string{"GPL_v2"} },
		`AND or OR expected before "v2"`: func(i *Image) { i.Components[0].Licenses = []string{"GPL v2"} },
		"it ends too early":              func(i *Image) { i.Components[0].Licenses = []string{"MIT AND"} },
		`unexpected ")"`:                 func(i *Image) { i.Licenses = []string{"MIT)"} },
		"WITH follows a licence":         func(i *Image) { i.Licenses = []string{"(MIT) WITH X"} },
		`operator expected before "("`:   func(i *Image) { i.Licenses = []string{"MIT (ISC)"} },
		"no name or no place":            func(i *Image) { i.Programs[0].Location = "" },
		"a module has no path":           func(i *Image) { i.Programs[0].Modules[0].Path = "" },
		"the path is not absolute":       func(i *Image) { i.Files[0].Path = "vmlinuz" },
		"vmlinuz: malformed checksum":    func(i *Image) { i.Files[0].SHA1 = "" },
	} {
		image := installer()
		change(&image)

		want = strings.Replace(want, `"GPL v2" is`, `"GPL_v2" is`, 1)
		for name, format := range formats {
			if _, err := format(image); !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", name, err, want)
			}
		}
	}
}

func TestExpression(t *testing.T) {
	for _, test := range []struct {
		in   []string
		want string
	}{
		{nil, "NOASSERTION"},
		{[]string{"MIT"}, "MIT"},
		{[]string{"MIT", "Apache-2.0", "MIT"}, "Apache-2.0 AND MIT"},
		{[]string{"MIT OR ISC"}, "MIT OR ISC"},
		{[]string{"MIT OR ISC", "GPL-2.0+"}, "(MIT OR ISC) AND GPL-2.0+"},
		{[]string{"GPL-2.0-only WITH Linux-syscall-note", "MIT"}, "GPL-2.0-only WITH Linux-syscall-note AND MIT"},
		{[]string{"(MIT OR ISC)", "Zlib"}, "(MIT OR ISC) AND Zlib"},
	} {
		got, err := expression(test.in)
		if err != nil || got != test.want {
			t.Errorf("%q: got %q, %v, want %q", test.in, got, err, test.want)
		}
	}
}

func FuzzExpression(f *testing.F) {
	for _, seed := range []string{"MIT", "(A OR B) AND C", "A WITH B", "((", "LicenseRef-x+"} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, text string) {
		once, err := expression([]string{text, "MIT"})
		if err != nil {
			return
		}

		if _, err := expression([]string{once}); err != nil {
			t.Fatalf("%q was made from %q and is not accepted: %v", once, text, err)
		}
	})
}
