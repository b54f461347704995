package page

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/akmon-os/akmon/test/bench/result"
)

func noop(w *strings.Builder, n *result.NoOp) {
	w.WriteString("## Build with nothing to do\n\n")

	if n == nil {
		missing(w)

		return
	}

	taken(w, n.Taken)
	fmt.Fprintf(w, "`akmon build --set PROFILE=%s`, every package of the tree, of which nothing has changed since the build before: all %d steps are up to date.\n\n",
		n.Profile, n.Steps)

	row := func(what string, s result.Samples) []string {
		return []string{what, seconds(s.Median()), spread(s, seconds), strconv.Itoa(len(s))}
	}

	table(w, [][]string{
		{"", "median›", "range›", "runs›"},
		row("whole process, from start to exit", n.Process),
		row("of that, by the program's own count", n.Inside),
		row("again in one process that has built before, opening and closing the engine", n.Again),
		row("opening and closing the engine, in the same process", n.Engine),
		row("so, on an engine that is open already", n.Warm()),
	})
	w.WriteString("\nThe last line is the difference of the two above it.\n\n")
}

// cacheText says in words what was in memory.
var cacheText = map[result.Cache]string{
	result.ColdInput: "inputs not in memory, programs loaded",
	result.ColdAll:   "neither inputs nor programs in memory",
	result.WarmInput: "everything in memory",
}

func iso(w *strings.Builder, i *result.ISO) {
	w.WriteString("## Rendering the ISO\n\n")

	if i == nil {
		missing(w)

		return
	}

	taken(w, i.Taken)
	fmt.Fprintf(w, "`akmon image iso`, from the installer image to an ISO of %s, and `cp` of that ISO, in turn; input and output are on %s. Times are of whole processes; neither waits for the disk to have the output.\n\n",
		mib(float64(i.Bytes)), i.FileSystem)

	rows := [][]string{{"page cache before each run", "akmon›", "range›", "cp›", "range›", "ratio›", "peak memory›", "runs›"}}

	for _, m := range i.Modes {
		var peak int64
		for _, p := range m.Peak {
			peak = max(peak, p)
		}

		rows = append(rows, []string{
			cacheText[m.Cache], seconds(m.Render.Median()), spread(m.Render, seconds), seconds(m.Copy.Median()), spread(m.Copy, seconds),
			times(m.Render.Ratio(m.Copy)), mib(float64(peak)), strconv.Itoa(len(m.Render)),
		})
	}

	table(w, rows)
	w.WriteString("\nThe peak is of resident memory, pages of the program file included.\n\n")
}

func machine(w *strings.Builder, m *result.Machine) {
	w.WriteString("## The machine\n\n")

	if m == nil {
		missing(w)

		return
	}

	taken(w, m.Taken)
	fmt.Fprintf(w, "Linux %s, started by QEMU %s without firmware (`-accel %s`, %d CPUs, %d MiB), with `%s`. It starts without a configuration, so the API is that of maintenance mode. The bare kernel is the same one on the same machine with an initramfs that holds only a static Go program, which prints one line. Times are on the kernel's clock, which starts with the kernel; the answer is the first that a client on the host gets.\n\n",
		m.VM.Kernel, m.VM.QEMU, m.VM.Accel, m.VM.CPUs, m.VM.MiB, m.VM.Args)

	row := func(what string, s result.Samples) []string {
		return []string{what, seconds(s.Median()), spread(s, seconds), times(s.Ratio(m.Plain)), strconv.Itoa(len(s))}
	}

	table(w, [][]string{
		{"kernel start to", "median›", "range›", "to the bare kernel›", "starts›"},
		row("the bare kernel's line", m.Plain),
		row("the first program", m.Of(func(b result.Boot) float64 { return b.Init })),
		row("`machined`", m.Of(func(b result.Boot) float64 { return b.Machined })),
		row("API listening", m.Of(func(b result.Boot) float64 { return b.Listening })),
		row("**API answering**", m.Of(func(b result.Boot) float64 { return b.Answering })),
	})
	w.WriteByte('\n')

	table(w, [][]string{
		{"file", "size›"},
		{"kernel", mib(float64(m.Kernel))},
		{"initramfs", mib(float64(m.Initramfs))},
		{"root file system in it (squashfs)", mib(float64(m.Squashfs))},
		{"the bare kernel's initramfs", mib(float64(m.PlainInitramfs))},
	})
	w.WriteByte('\n')

	rows := [][]string{{"process", "resident›", "range›", "of that its own›", "peak›"}}

	for _, name := range m.ProcessNames() {
		rss := m.MemoryOf(name, func(p result.Process) int64 { return p.RSS })
		rows = append(rows, []string{
			"`" + name + "`", mib(rss.Median()), spread(rss, mib),
			mib(m.MemoryOf(name, func(p result.Process) int64 { return p.Anon }).Median()),
			mib(m.MemoryOf(name, func(p result.Process) int64 { return p.Peak }).Median()),
		})
	}

	table(w, rows)
	w.WriteString("\nRead over the API from `/proc`, at rest, in the same starts after a control plane's configuration was applied. What is not a process's own are pages of its program file, which all names of the program share.\n\n")
}

func cold(w *strings.Builder, colds result.Colds) {
	w.WriteString("## Builds from empty caches\n\n")

	if len(colds) == 0 {
		missing(w)

		return
	}

	w.WriteString("What `akmon build --json` says. Packages build side by side, so the sum of their times is more than the build's; fetching sources and writing the output are in the build's time only.\n\n")

	for _, profile := range slices.Sorted(maps.Keys(colds)) {
		c := colds[profile]

		fmt.Fprintf(w, "### Profile %s\n\n", profile)
		taken(w, c.Taken)
		fmt.Fprintf(w, "In %s; steps that ran: %d, that were up to date: %d.\n\n", seconds(c.Seconds), c.Executed, c.Cached)

		packages := slices.Clone(c.Packages)
		slices.SortStableFunc(packages, func(a, b result.Package) int {
			switch {
			case a.Seconds > b.Seconds:
				return -1
			case a.Seconds < b.Seconds:
				return 1
			default:
				return strings.Compare(a.Name, b.Name)
			}
		})

		rows := [][]string{{"package", "steps›", "time›", "share›"}}
		for _, p := range packages {
			rows = append(rows, []string{p.Name, strconv.Itoa(p.Steps), seconds(p.Seconds), share(p.Seconds, c.Sum())})
		}

		table(w, append(rows, []string{"all packages", "", seconds(c.Sum()), share(c.Sum(), c.Sum())}))
		w.WriteByte('\n')
	}
}

func share(part, whole float64) string {
	if whole == 0 {
		return "0 %"
	}

	return fmt.Sprintf("%.0f %%", 100*part/whole)
}
