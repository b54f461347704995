// Package synthetic writes package trees of any size, to measure the compiler
// with and to check that it gives the same result each time. The same number
// of packages is always the same tree.
//
// A tree is as those that people keep: directories of 25 packages that share a
// vars.yaml with their versions and sums; a recipe of some fifty lines with a
// source, a few instructions in each phase and conditions on the architecture;
// an SBOM from every second one, patches beside one in four and a templated
// file beside one in eight. Every package needs a common base. Of the three other
// dependencies that it has on average one is of its own directory, the others
// are the more likely the earlier a package is: a few libraries are needed by
// very many, most packages by few or none. One dependency in six is for the
// run time.
//
// Besides the packages counted there is [All], which needs every one of them.
package synthetic

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// All is the name of the package that needs all others.
const All = "everything"

const (
	group   = 25 // packages in a directory
	popular = 40 // packages that others may need at run time
)

// Write writes a tree of count packages into dir, which must exist.
func Write(dir string, count int) error {
	made := map[string]bool{}

	for name, text := range Files(count) {
		full := filepath.Join(dir, filepath.FromSlash(name))

		if parent := filepath.Dir(full); !made[parent] {
			if err := os.MkdirAll(parent, 0o755); err != nil {
				return fmt.Errorf("write a tree: %w", err)
			}

			made[parent] = true
		}

		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			return fmt.Errorf("write a tree: %w", err)
		}
	}

	return nil
}

// Files gives the files of a tree of count packages, by path with slashes.
func Files(count int) map[string]string {
	files := map[string]string{
		"pkg.yaml": "format: v1alpha2\n\nepoch: 2026-09-15\n\nvars:\n  MIRROR: https://sources.example.org/pub\n  RELEASE: v1.4.0\n\n" +
			"labels:\n  org.opencontainers.image.vendor: Example\n",
		"base/pkg.yaml": "name: base\nversion: \"1\"\nlicenses: [MIT]\ndependencies:\n  - image: registry.example.org/toolchain:{{ .RELEASE }}\nfinalize:\n  - from: /\n    to: /\n",
	}

	// Not by chance: by a fixed seed.
	random := rand.New(rand.NewPCG(1, uint64(count))) //nolint:gosec // as above

	var all strings.Builder

	fmt.Fprintf(&all, "name: %s\nversion: {{ .RELEASE }}\ndependencies:\n", All)

	for i := range count {
		p := recipe{index: i, random: random}

		files[path.Join(p.dir(), "pkg.yaml")] = p.text()

		if vars := path.Join(path.Dir(p.dir()), "vars.yaml"); files[vars] == "" {
			files[vars] = "# Versions and sums of this directory.\nSERIES: \"{{ .RELEASE | trimPrefix \"v\" }}\"\n"
		}

		files[path.Join(path.Dir(p.dir()), "vars.yaml")] += p.vars()

		if p.patched() {
			files[path.Join(p.dir(), "patches/0001-static.patch")] = "--- a/Makefile\n+++ b/Makefile\n@@ -1 +1 @@\n-LDFLAGS =\n+LDFLAGS = -static\n"
		}

		if p.templated() {
			files[path.Join(p.dir(), "files/config.conf.tmpl")] = "# For {{ .TARGET }}.\nprefix = /usr\n{{ if eq .ARCH \"aarch64\" -}}\npages = 64\n{{- else -}}\npages = 4\n{{- end }}\nversion = {{ ." +
				p.variable("VERSION") + " }}\n"
		}

		fmt.Fprintf(&all, "  - stage: %s\n", p.name())
	}

	files[path.Join(All, "pkg.yaml")] = all.String() + "finalize:\n  - from: /\n    to: /\n"

	return files
}

// recipe is one package.
type recipe struct {
	index  int
	random *rand.Rand
}

func name(index int) string { return fmt.Sprintf("lib%05d", index) }

func (r recipe) name() string { return name(r.index) }

func (r recipe) dir() string { return fmt.Sprintf("group%03d/%s", r.index/group, r.name()) }

func (r recipe) patched() bool { return r.index%4 == 1 }

func (r recipe) templated() bool { return r.index%8 == 3 }

// variable is the name of one of the variables of the package.
func (r recipe) variable(what string) string { return fmt.Sprintf("LIB%05d_%s", r.index, what) }

func (r recipe) vars() string {
	sum256, sum512 := sha256.Sum256([]byte(r.name())), sha512.Sum512([]byte(r.name()))

	return fmt.Sprintf("%s: 1.%d.%d\n%s: %s\n%s: %s\n",
		r.variable("VERSION"), r.index%40, r.index%7,
		r.variable("SHA256"), hex.EncodeToString(sum256[:]),
		r.variable("SHA512"), hex.EncodeToString(sum512[:]))
}

// needs are the dependencies but the base, by index, and which of them are for
// the run time. They are packages before this one, so that there is no cycle.
func (r recipe) needs() (indexes []int, runtime map[int]bool) {
	runtime = map[int]bool{}

	for n := range r.random.IntN(7) {
		if r.index == 0 {
			break
		}

		var need int

		if first := r.index / group * group; n%3 == 0 && first < r.index {
			need = first + r.random.IntN(r.index-first)
		} else {
			// The cube makes the early ones likely.
			f := r.random.Float64()
			need = int(f * f * f * float64(r.index))
		}

		if _, again := runtime[need]; again {
			continue
		}

		indexes = append(indexes, need)
		runtime[need] = need < popular && r.random.IntN(3) == 0
	}

	return indexes, runtime
}

func (r recipe) text() string {
	var b strings.Builder

	fmt.Fprintf(&b, "name: %s\nversion: \"{{ .%s }}\"\nlicenses:\n  - MIT\nhomepage: https://example.org/%s\n\ndependencies:\n  - stage: base\n",
		r.name(), r.variable("VERSION"), r.name())

	indexes, runtime := r.needs()
	for _, need := range indexes {
		fmt.Fprintf(&b, "  - stage: %s\n", name(need))

		if runtime[need] {
			b.WriteString("    runtime: true\n")
		}
	}

	fmt.Fprintf(&b, `
steps:
  - sources:
      - url: {{ .MIRROR }}/%[1]s/%[1]s-{{ .%[2]s }}.tar.xz
        destination: %[1]s.tar.xz
        sha256: {{ .%[3]s }}
        sha512: {{ .%[4]s }}
    env:
      # As the build system calls it.
      SERIES: "{{ .SERIES }}"
      MACHINE: {{ if eq .ARCH "aarch64" }}arm64{{ else }}x86-64{{ end }}
    prepare:
      - tar -xf %[1]s.tar.xz --strip-components=1
`, r.name(), r.variable("VERSION"), r.variable("SHA256"), r.variable("SHA512"))

	if r.patched() {
		b.WriteString("      - patch -p1 </pkg/patches/0001-static.patch\n")
	}

	b.WriteString(`    build:
      - |
        mkdir build
        cd build
        ../configure --host={{ .TARGET }} --build={{ .BUILD }} --prefix=/usr --disable-shared \
          {{ if eq .ARCH "x86_64" }}--enable-vector{{ else }}--disable-vector{{ end }}
      - make -C build -j $(nproc)
    install:
      - |
        make -C build DESTDIR=/rootfs install
        rm -rf /rootfs/usr/share/{doc,man}
`)

	if r.templated() {
		b.WriteString("      - install -D -m 0644 /pkg/files/config.conf /rootfs/etc/config.conf\n")
	}

	b.WriteString("    test:\n      - test -d /rootfs/usr\n")

	if r.index%2 == 0 {
		fmt.Fprintf(&b, "    sbom:\n      outputPath: /rootfs/usr/share/spdx/%s.spdx.json\n      purl: pkg:generic/%[1]s@{{ .%s }}\n",
			r.name(), r.variable("VERSION"))
	}

	b.WriteString("\nfinalize:\n  - from: /rootfs\n    to: /\n")

	return b.String()
}
