package lower_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/forge/tree/synthetic"
)

func BenchmarkCompile(b *testing.B) {
	for _, count := range []int{100, 1000, 10000} {
		dir := b.TempDir()
		if err := synthetic.Write(dir, count); err != nil {
			b.Fatal(err)
		}

		b.Run(fmt.Sprint(count), func(b *testing.B) {
			b.ReportAllocs()

			for b.Loop() {
				loaded, err := tree.Load(tree.Options{Dir: dir})
				if err != nil {
					b.Fatal(err)
				}

				g, err := graph.Resolve(loaded, []string{synthetic.All})
				if err != nil {
					b.Fatal(err)
				}

				if _, err := lower.Lower(context.Background(), g, synthetic.All, lower.Options{}); err != nil {
					b.Fatal(err)
				}
			}

			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(count), "µs/package")
		})
	}
}
