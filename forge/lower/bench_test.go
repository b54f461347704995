package lower_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/tree"
)

// synthetic is a tree of count packages, each with templates, a source, a few
// instructions, and dependencies as real recipes have them: a common base, and
// up to five of the packages before.
func synthetic(count int) fstest.MapFS {
	fsys := fstest.MapFS{
		"pkg.yaml":      {Data: []byte("format: v1alpha2\nvars:\n  VERSION: 1.2.3\n  SHA256: " + strings.Repeat("a", 64) + "\n  SHA512: " + strings.Repeat("b", 128) + "\n")},
		"base/pkg.yaml": {Data: []byte("name: base\ndependencies: [{image: example.org/base:1}]\nfinalize: [{}]\n")},
	}

	for i := range count {
		var b strings.Builder

		fmt.Fprintf(&b, "name: p%05d\nversion: {{ .VERSION }}\nlicenses: [MIT]\ndependencies:\n  - stage: base\n", i)

		for j := range min(i, 5) {
			fmt.Fprintf(&b, "  - stage: p%05d\n", (i*(j+7)+j*31)%i)

			if j == 0 {
				b.WriteString("    runtime: true\n")
			}
		}

		fmt.Fprintf(&b, `steps:
  - sources:
      - url: https://example.org/p%d-{{ .VERSION }}.tar.gz
        destination: src.tar.gz
        sha256: {{ .SHA256 }}
        sha512: {{ .SHA512 }}
    env:
      CARCH: {{ if eq .ARCH "aarch64" }}arm64{{ else }}amd64{{ end }}
    prepare:
      - tar -xf src.tar.gz --strip-components=1
    build:
      - |
        ./configure --host={{ .HOST }} --target={{ .TARGET }} --prefix=/usr
        make -j $(nproc)
    install:
      - make DESTDIR=/rootfs install
    test:
      - test -d /rootfs/usr
finalize:
  - from: /rootfs
    to: /
`, i)

		fsys[fmt.Sprintf("group%d/p%d/pkg.yaml", i%37, i)] = &fstest.MapFile{Data: []byte(b.String())}
	}

	// One package that needs everything.
	var b strings.Builder

	b.WriteString("name: all\ndependencies:\n")

	for i := range count {
		fmt.Fprintf(&b, "  - stage: p%05d\n", i)
	}

	fsys["all/pkg.yaml"] = &fstest.MapFile{Data: []byte(b.String() + "finalize: [{}]\n")}

	return fsys
}

func BenchmarkCompile(b *testing.B) {
	for _, count := range []int{100, 1000, 10000} {
		dir := b.TempDir()
		if err := os.CopyFS(dir, synthetic(count)); err != nil {
			b.Fatal(err)
		}

		b.Run(fmt.Sprint(count), func(b *testing.B) {
			b.ReportAllocs()

			for b.Loop() {
				loaded, err := tree.Load(tree.Options{Dir: dir})
				if err != nil {
					b.Fatal(err)
				}

				g, err := graph.Resolve(loaded, []string{"all"})
				if err != nil {
					b.Fatal(err)
				}

				if _, err := lower.Lower(context.Background(), g, "all", lower.Options{}); err != nil {
					b.Fatal(err)
				}
			}

			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(count), "µs/package")
		})
	}
}
