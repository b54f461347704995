package modules

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// oracle finds modprobe and a tree that depmod has indexed: the file system that
// AKMON_TEST_MODULES names (with lib/modules/RELEASE), else this machine's own.
func oracle(t *testing.T) (modprobe, root, release string) {
	t.Helper()

	modprobe, err := exec.LookPath("modprobe")
	if err != nil {
		t.Skip("modprobe is not installed")
	}

	root = os.Getenv("AKMON_TEST_MODULES")
	if root == "" {
		root = "/"
	}

	found, _ := filepath.Glob(filepath.Join(root, "lib/modules/*/modules.alias.bin")) //nolint:errcheck // the pattern is good
	if len(found) == 0 {
		t.Skipf("there are no indexed modules under %s", root)
	}

	return modprobe, root, filepath.Base(filepath.Dir(found[0]))
}

// TestAgainstModprobe compares with modprobe what some aliases of a real kernel
// lead to, and what some modules want. modprobe reads one softdep line for each
// module, and loads nothing twice but lists it; we read all lines, so what it
// lists is part of what we do, in the same order.
func TestAgainstModprobe(t *testing.T) {
	modprobe, root, release := oracle(t)
	tr := Tree{Dir: filepath.Join(root, "lib/modules", release)}

	// -C: no configuration, which may have blacklists and aliases of its own.
	ask := func(args ...string) []string {
		out, _ := exec.Command(modprobe, append([]string{"-C", t.TempDir(), "-d", root, "-S", release}, args...)...).Output() //nolint:errcheck // not found is no output

		var lines []string
		for line := range bytes.Lines(out) {
			lines = append(lines, strings.TrimSpace(string(line)))
		}

		return lines
	}

	var aliases, all []string

	if err := tr.lines("modules.alias", func(line string) error {
		// A name that the pattern covers.
		name := strings.NewReplacer("*", "7", "?", "Z").Replace(strings.Fields(line)[1])
		for strings.Contains(name, "[") {
			before, rest, _ := strings.Cut(name, "[")
			inside, after, _ := strings.Cut(rest, "]")
			name = before + inside[:1] + after
		}

		aliases = append(aliases, name)

		return nil
	}); err != nil {
		t.Fatal(err)
	}

	for i := 0; i < len(aliases); i += 31 {
		plans, err := tr.Resolve(aliases[i])
		if err != nil {
			t.Fatal(err)
		}

		var got []string
		for _, p := range plans {
			got = append(got, p.Target().Name)
		}

		want := ask("-R", aliases[i])
		slices.Sort(want)
		slices.Sort(got)

		if diff := cmp.Diff(slices.Compact(want), got); diff != "" {
			t.Errorf("%s (-modprobe +ours):\n%s", aliases[i], diff)
		}
	}

	paths, _, err := tr.dependencies()
	if err != nil {
		t.Fatal(err)
	}

	for name := range paths {
		all = append(all, name)
	}

	slices.Sort(all)

	softs, err := tr.softdeps()
	if err != nil {
		t.Fatal(err)
	}

	for i, name := range all {
		if _, soft := softs[name]; !soft && i%41 != 0 {
			continue
		}

		plans, err := tr.Resolve(name)
		if err != nil || len(plans) != 1 {
			t.Fatalf("%s: %v, %v", name, plans, err)
		}

		var got, want []string
		for _, m := range plans[0] {
			got = append(got, m.Path)
		}

		for _, line := range ask("--show-depends", name) {
			if path, ok := strings.CutPrefix(line, "insmod "); ok && !slices.Contains(want, path) {
				want = append(want, path)
			}
		}

		same := slices.DeleteFunc(slices.Clone(got), func(path string) bool {
			return len(softs[name].pre)+len(softs[name].post) > 1 && !slices.Contains(want, path)
		})
		if diff := cmp.Diff(want, same); diff != "" {
			t.Errorf("%s (-modprobe +ours):\n%s", name, diff)
		}
	}
}
