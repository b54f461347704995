// Package page writes the page of benchmarks from what was measured.
package page

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/test/bench/result"
)

// Limits of the figures that have one.
const (
	maxNoOp = 4         // seconds, with the engine's start
	maxWarm = 2         // seconds, on a warm engine
	maxISO  = 2         // times what cp takes
	maxPeak = 100 << 20 // bytes
)

const head = `# Benchmarks

` + "`make bench`" + ` measures and writes this page, from the raw results in [benchmarks/](benchmarks/); it is not edited by hand. What is compared was measured in one run, in turn, and is given as a ratio of medians; other numbers are of the machine that is named beside them. Limits are what the project sets itself; no test fails because of them.

`

// Write writes the page; a page that is there stays as it is on errors.
func Write(path string, all *result.All) error {
	return extent.WriteFileAtomic(path, extent.FromBytes([]byte(Render(all))), 0o644)
}

// Render returns the page as Markdown. Parts that were never measured say so.
func Render(all *result.All) string {
	var w strings.Builder

	w.WriteString(head)
	summary(&w, all)
	noop(&w, all.NoOp)
	compiler(&w, all.Compiler)
	iso(&w, all.ISO)
	machine(&w, all.Machine)
	cold(&w, all.Cold)

	return strings.TrimRight(w.String(), "\n") + "\n"
}

// summary is the table of what is promised.
func summary(w *strings.Builder, all *result.All) {
	rows := [][]string{{"figure", "measured›", "limit›", ""}}
	add := func(figure, measured, limit, verdict string) {
		rows = append(rows, []string{figure, measured, limit, verdict})
	}

	if n := all.NoOp; n != nil {
		process, warm := n.Process.Median(), n.Warm().Median()
		add("build with nothing to do, with the engine's start", seconds(process), limit(maxNoOp, "s"), meets(process, maxNoOp))
		add("build with nothing to do, on a warm engine", seconds(warm), limit(maxWarm, "s"), meets(warm, maxWarm))
	}

	compilerSummary(add, all.Compiler)

	if i := all.ISO; i != nil {
		for _, cache := range []result.Cache{result.ColdInput, result.ColdAll} {
			if m := i.Find(cache); m != nil {
				ratio := m.Render.Ratio(m.Copy)
				add("rendering the ISO, "+cacheText[cache], times(ratio)+" cp", limit(maxISO, "times cp"), meets(ratio, maxISO))
			}
		}

		add("rendering the ISO, peak memory", mib(float64(i.Peak())), limit(maxPeak>>20, "MiB"), meets(float64(i.Peak()), maxPeak))
	}

	if m := all.Machine; m != nil {
		answering := m.Of(func(b result.Boot) float64 { return b.Answering })
		add("kernel start to API answering", times(answering.Ratio(m.Plain))+" the bare kernel ("+seconds(answering.Median())+")", "", "")
		add("root file system (squashfs)", mib(float64(m.Squashfs)), "", "")
		add("initramfs", mib(float64(m.Initramfs)), "", "")

		for _, name := range m.ProcessNames() {
			add("`"+name+"`, resident", mib(m.MemoryOf(name, func(p result.Process) int64 { return p.RSS }).Median()), "", "")
		}
	}

	for _, profile := range slices.Sorted(maps.Keys(all.Cold)) {
		add("build from empty caches, profile "+profile, seconds(all.Cold[profile].Seconds), "", "")
	}

	if len(rows) == 1 {
		w.WriteString("Nothing has been measured yet.\n\n")

		return
	}

	table(w, rows)
	w.WriteByte('\n')
}

// taken says when and where.
func taken(w *strings.Builder, t result.Taken) {
	host := t.Host
	kind := "machine"

	if host.Virtual {
		kind = "virtual machine"
	}

	day, _, _ := strings.Cut(t.At, "T")
	fmt.Fprintf(w, "Taken on %s", day)

	if t.Revision != "" {
		fmt.Fprintf(w, " at revision %s", t.Revision)
	}

	fmt.Fprintf(w, ", on a %s with %d cores (%s), %s, %s", kind, host.Cores, host.CPU, memory(host.Memory), host.Kernel)

	if host.Load > 0 {
		fmt.Fprintf(w, "; the load before was %.1f", host.Load)
	}

	w.WriteString(".\n\n")
}

func memory(bytes int64) string { return fmt.Sprintf("%.0f GiB of memory", float64(bytes)/(1<<30)) }

// missing stands for a part that was never measured.
func missing(w *strings.Builder) { w.WriteString("Not measured yet.\n\n") }
