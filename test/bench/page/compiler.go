package page

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/akmon-os/akmon/test/bench/result"
)

// Limits of the compiler.
const (
	maxCompile     = 2         // seconds, for the largest tree
	maxCompilePeak = 500 << 20 // bytes, as above
	maxGraph       = 60        // milliseconds of processors
	// noise is by how much two figures that should be the same may differ.
	noise = 1.15
)

// largest is the largest tree.
func largest(c *result.Compiler) *result.Tree { return &c.Trees[len(c.Trees)-1] }

func compilerSummary(add func(figure, measured, limit, verdict string), c *result.Compiler) {
	if c == nil {
		return
	}

	if len(c.Trees) > 0 {
		t := largest(c)
		size := thousands(t.Size)
		add("compiling "+size+" packages, from files to a build graph",
			fmt.Sprintf("%s (%s of processors)", seconds(t.Wall().Median()), seconds(t.CPU().Median())), limit(maxCompile, "s"), meets(t.Wall().Median(), maxCompile))
		add("compiling "+size+" packages, peak memory", mib(float64(t.Peak())), limit(maxCompilePeak>>20, "MiB"), meets(float64(t.Peak()), maxCompilePeak))

		if first := &c.Trees[0]; first != t && first.PerPackage() > 0 {
			ratio := t.PerPackage() / first.PerPackage()
			add(fmt.Sprintf("processor time of a package, among %s to among %s", size, thousands(first.Size)), times(ratio), "does not grow", meets(ratio, noise))
		}
	}

	if g := c.Graph; g != nil {
		cpu := g.CPU.Median()
		add(fmt.Sprintf("`akmon graph` of %d recipes, processor time of the whole process", g.Recipes), seconds(cpu), limit(maxGraph, "ms"), meets(cpu*1000, maxGraph))
	}
}

func compiler(w *strings.Builder, c *result.Compiler) {
	w.WriteString("## The compiler\n\n")

	if c == nil {
		missing(w)

		return
	}

	taken(w, c.Taken)
	w.WriteString("Trees of `forge/tree/synthetic` (directories with a `vars.yaml` of their own, conditions, patches, templated files, SBOMs; three dependencies each besides a common base, most of them to few libraries), with one package that needs all: loaded, resolved and lowered by a process of its own each time. Medians; all runs of a tree give the same operations, byte for byte. The time of processors is what counts where the machine has other work.\n\n")

	rows := [][]string{{"packages", "operations›", "load›", "resolve›", "lower›", "all›", "range›", "of processors›", "range›", "for a package›", "peak memory›", "runs›"}}

	for i := range c.Trees {
		t := &c.Trees[i]
		if len(t.Runs) == 0 {
			continue
		}

		of := func(get func(result.Compilation) float64) string { return seconds(t.Of(get).Median()) }

		rows = append(rows, []string{
			thousands(t.Runs[0].Packages), thousands(t.Runs[0].Operations),
			of(func(c result.Compilation) float64 { return c.Load.Wall }),
			of(func(c result.Compilation) float64 { return c.Resolve.Wall }),
			of(func(c result.Compilation) float64 { return c.Lower.Wall }),
			seconds(t.Wall().Median()), spread(t.Wall(), seconds),
			seconds(t.CPU().Median()), spread(t.CPU(), seconds),
			fmt.Sprintf("%.0f µs", t.PerPackage()*1e6), mib(float64(t.Peak())), strconv.Itoa(len(t.Runs)),
		})
	}

	table(w, rows)

	if g := c.Graph; g != nil {
		fmt.Fprintf(w, "\n`akmon graph` of such a tree with %d recipes, from start to exit: %s (%s), of processors %s (%s), peak memory %s, in %d runs.\n",
			g.Recipes, seconds(g.Wall.Median()), spread(g.Wall, seconds), seconds(g.CPU.Median()), spread(g.CPU, seconds), mib(float64(g.Peak)), len(g.Wall))
	}

	w.WriteByte('\n')
}

// thousands writes a number with its thousands apart.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}

	return s
}
