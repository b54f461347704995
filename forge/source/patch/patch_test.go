package patch_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/source/patch"
)

// lay writes files below dir; those whose name begins with an exclamation mark
// are executable.
func lay(t testing.TB, dir string, files map[string]string) {
	t.Helper()

	for name, text := range files {
		mode := fs.FileMode(0o644)
		if rest, ok := strings.CutPrefix(name, "!"); ok {
			name, mode = rest, 0o755
		}

		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), mode)); err != nil {
			t.Fatal(err)
		}
	}
}

// collect reads what lay wrote, and directories with a slash at their end.
func collect(t testing.TB, dir string) map[string]string {
	t.Helper()

	files := map[string]string{}

	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}

		name, _ := filepath.Rel(dir, path)
		if d.IsDir() {
			files[name+"/"] = ""

			return nil
		}

		info, err := d.Info()
		if err != nil {
			return err
		}

		if info.Mode()&0o111 != 0 {
			name = "!" + name
		}

		text, err := os.ReadFile(path)
		files[name] = string(text)

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	return files
}

func apply(t testing.TB, dir, text string, strip int) error {
	t.Helper()

	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()

	p, err := patch.Parse("x.patch", []byte(text))
	if err != nil {
		return err
	}

	return p.Apply(root, strip)
}

const ten = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"

func TestApply(t *testing.T) {
	for name, test := range map[string]struct {
		before map[string]string
		patch  string
		want   map[string]string
		err    string
	}{
		"change": {
			map[string]string{"a": ten},
			"about\n\n--- x/a\t2026-01-02\n+++ y/a\t2026-01-02\n@@ -4,3 +4,4 @@ f()\n 4\n-5\n+five\n+5.5\n 6\n--\n2.39\n",
			map[string]string{"a": "1\n2\n3\n4\nfive\n5.5\n6\n7\n8\n9\n10\n"}, "",
		},
		"moved": {
			map[string]string{"a": "0\n0\n" + ten},
			"--- x/a\n+++ y/a\n@@ -4,3 +4,3 @@\n 4\n-5\n+five\n 6\n@@ -8,2 +8,2 @@\n-8\n+eight\n 9\n",
			map[string]string{"a": "0\n0\n1\n2\n3\n4\nfive\n6\n7\neight\n9\n10\n"}, "",
		},
		"start only": {
			map[string]string{"a": "0\n" + ten}, "--- x/a\n+++ y/a\n@@ -1,2 +1,2 @@\n-1\n+one\n 2\n", nil,
			`x.patch:3: hunk 1 of 1 does not apply to a: line 1 is "0", not "1"`,
		},
		"end only": {
			map[string]string{"a": ten + "11\n"}, "--- x/a\n+++ y/a\n@@ -9,2 +9,2 @@\n 9\n-10\n+ten\n", nil,
			"x.patch:3: hunk 1 of 1 does not apply to a",
		},
		"no newline": {
			map[string]string{"a": "1\n2"}, "--- x/a\n+++ y/a\n@@ -1,2 +1,2 @@\n 1\n-2\n\\ No newline at end of file\n+two\n",
			map[string]string{"a": "1\ntwo\n"}, "",
		},
		"newline lost": {
			map[string]string{"a": "1\n2\n"}, "--- x/a\n+++ y/a\n@@ -1,2 +1,2 @@\n 1\n-2\n+two\n\\ No newline at end of file\n",
			map[string]string{"a": "1\ntwo"}, "",
		},
		"create and remove": {
			map[string]string{"d/gone": "1\n", "k": "k\n"},
			"--- /dev/null\n+++ y/e/new\n@@ -0,0 +1,2 @@\n+1\n+2\n--- x/d/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n",
			map[string]string{"e/": "", "e/new": "1\n2\n", "k": "k\n"}, "",
		},
		"git": {
			map[string]string{"a": "1\n", "b": "2\n", "c": "3\n", "d e": "4\n"},
			`diff --git a/a b/a
deleted file mode 100644
index 1..0
--- a/a
+++ /dev/null
@@ -1 +0,0 @@
-1
diff --git a/b b/sub/b
similarity index 100%
rename from b
rename to sub/b
diff --git a/c b/c
old mode 100644
new mode 100755
diff --git a/d e b/d f
copy from d e
copy to d f
--- a/d e	
+++ b/d f	
@@ -1 +1,2 @@
 4
+5
diff --git a/n b/n
new file mode 100755
--- /dev/null
+++ b/n
@@ -0,0 +1 @@
+n
`,
			map[string]string{"sub/": "", "sub/b": "2\n", "!c": "3\n", "d e": "4\n", "d f": "4\n5\n", "!n": "n\n"}, "",
		},
		"swap": {
			map[string]string{"a": "1\n", "b": "2\n"},
			"diff --git a/a b/b\nrename from a\nrename to b\ndiff --git a/b b/a\nrename from b\nrename to a\n",
			map[string]string{"a": "2\n", "b": "1\n"}, "",
		},
		"quoted": {
			map[string]string{"ä": "1\n"}, "--- \"a/\\303\\244\"\n+++ \"b/\\303\\244\"\n@@ -1 +1 @@\n-1\n+2\n", map[string]string{"ä": "2\n"}, "",
		},
		"old name": {map[string]string{"a": "1\n"}, "--- x/a\n+++ y/a.new\n@@ -1 +1 @@\n-1\n+2\n", map[string]string{"a": "2\n"}, ""},
		"twice": {
			map[string]string{"a": "1\n"}, "--- x/a\n+++ y/a\n@@ -1 +1 @@\n-1\n+2\n--- x/a\n+++ y/a\n@@ -1 +1 @@\n-2\n+3\n",
			map[string]string{"a": "3\n"}, "",
		},
		"blank context": {map[string]string{"a": "\n1\n\n"}, "--- x/a\n+++ y/a\n@@ -1,3 +1,3 @@\n\n-1\n+2\n\n", map[string]string{"a": "\n2\n\n"}, ""},
		"nothing":       {map[string]string{"a": "1\n"}, "only words\n", map[string]string{"a": "1\n"}, ""},

		"absent":   {nil, "--- x/a\n+++ y/a\n@@ -1 +1 @@\n-1\n+2\n", nil, "x.patch:1: there is no file a"},
		"again":    {map[string]string{"a": ten + "x\n"}, "--- x/a\n+++ y/a\n@@ -4,3 +4,3 @@\n 4\n-five\n+5\n 6\n", nil, "x.patch:3: hunk 1 of 1 does not apply to a: it is applied already"},
		"exists":   {map[string]string{"a": "1\n"}, "--- /dev/null\n+++ y/a\n@@ -0,0 +1 @@\n+1\n", nil, "x.patch:1: a exists already"},
		"outside":  {nil, "--- /dev/null\n+++ y/../../a\n@@ -0,0 +1 @@\n+1\n", nil, `x.patch:1: "y/../../a" without its first 1 parts is not a name below the directory`},
		"strip":    {nil, "--- /dev/null\n+++ a\n@@ -0,0 +1 @@\n+1\n", nil, `x.patch:1: "a" without its first 1 parts is not a name below the directory`},
		"context":  {nil, "*** a\n--- b\n", nil, "x.patch:1: this is a context diff, make it a unified one (diff -u)"},
		"binary":   {nil, "diff --git a/a b/a\nindex 1..2\nGIT binary patch\n", nil, "x.patch:3: this is a binary patch, only text can be patched"},
		"symlink":  {nil, "diff --git a/a b/a\nnew file mode 120000\n--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+1\n", nil, "x.patch:1: only regular files can be patched"},
		"no names": {nil, "@@ -1 +1 @@\n-1\n+2\n", nil, "x.patch:1: a hunk without the names of files before it (--- and +++)"},
		"cut":      {nil, "--- x/a\n+++ y/a\n@@ -1,2 +1,2 @@\n 1\n", nil, "x.patch:3: the patch ends within this hunk: 1 of 2 and 1 of 2 lines are there"},
		"counts":   {nil, "--- x/a\n+++ y/a\n@@ -1,1 +1,2 @@\n 1\n-2\n+3\n", nil, "x.patch:3: the hunk has other numbers of lines than its header says"},
		"no hunk":  {nil, "--- x/a\n+++ y/a\nwords\n", nil, "x.patch:2: no hunk (@@) follows the names of the files"},
		"header":   {nil, "--- x/a\n+++ y/a\n@@ 1 @@\n", nil, "x.patch:3: the header of the hunk is not @@ -LINE,COUNT +LINE,COUNT @@"},
		"letter":   {nil, "--- x/a\n+++ y/a\n@@ -1 +1 @@\nx\n", nil, `x.patch:4: a line of a hunk begins with a blank, a minus or a plus, not with 'x'`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			lay(t, dir, test.before)

			err := apply(t, dir, test.patch, 1)

			if test.err != "" {
				if err == nil || err.Error() != test.err {
					t.Fatalf("got %v, want %s", err, test.err)
				}

				return
			}

			if err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff(test.want, collect(t, dir)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A link that leads out of the directory is not followed.
func TestLink(t *testing.T) {
	outside := t.TempDir()
	lay(t, outside, map[string]string{"a": "1\n"})

	dir := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "d")); err != nil {
		t.Fatal(err)
	}

	if err := apply(t, dir, "--- x/d/a\n+++ y/d/a\n@@ -1 +1 @@\n-1\n+2\n", 1); err == nil {
		t.Error("the patch is applied through a link")
	}

	if got := collect(t, outside); got["a"] != "1\n" {
		t.Errorf("the file outside is %q", got["a"])
	}
}

// Random changes to random files: what diff tells apart, patch(1) and Apply
// bring together in the same way, also in files that have changed elsewhere.
func TestOracle(t *testing.T) {
	for _, tool := range []string{"diff", "patch"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}

	random := rand.New(rand.NewPCG(1, 2))
	refused := 0

	const rounds = 80

	for round := range rounds {
		dir := t.TempDir()
		old := lines(random, 3+random.IntN(60))
		updated := change(random, old, 1+random.IntN(4))

		lay(t, dir, map[string]string{"x/f": strings.Join(old, ""), "y/f": strings.Join(updated, "")})

		diff := exec.Command("diff", fmt.Sprintf("-U%d", random.IntN(4)), "x/f", "y/f")
		diff.Dir = dir
		text, _ := diff.Output() //nolint:errcheck // 1 means that they differ

		// The patch meets a file that has changed meanwhile.
		target := strings.Join(change(random, old, random.IntN(3)), "")
		lay(t, dir, map[string]string{"theirs/f": target, "ours/f": target})

		oracle := exec.Command("patch", "-t", "-F0", "-N", "-p1", "-u", "-E", "-s", "-r", "-", "--no-backup-if-mismatch")
		oracle.Dir, oracle.Stdin = filepath.Join(dir, "theirs"), bytes.NewReader(text)
		out, theirs := oracle.CombinedOutput()
		ours := apply(t, filepath.Join(dir, "ours"), string(text), 1)

		if (theirs == nil) != (ours == nil) {
			t.Fatalf("round %d: patch(1) says %v %s, Apply %v\n%s\nto\n%s", round, theirs, out, ours, text, target)
		}

		if theirs != nil {
			refused++

			continue
		}

		if diff := cmp.Diff(collect(t, filepath.Join(dir, "theirs")), collect(t, filepath.Join(dir, "ours"))); diff != "" {
			t.Fatalf("round %d: (-patch +Apply)\n%s\n%s", round, diff, text)
		}
	}

	if refused == 0 || refused == rounds {
		t.Errorf("%d of %d patches are refused: the changes are too small or too large", refused, rounds)
	}
}

func lines(random *rand.Rand, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("line %d\n", random.IntN(12)) // few, so that places look alike
	}

	if random.IntN(4) == 0 {
		all[n-1] = "the end"
	}

	return all
}

func change(random *rand.Rand, old []string, times int) []string {
	changed := append([]string(nil), old...)

	for range times {
		at := random.IntN(len(changed))

		switch random.IntN(3) {
		case 0:
			changed[at] = fmt.Sprintf("changed %d\n", random.IntN(1000))
		case 1:
			changed = append(changed[:at], append([]string{fmt.Sprintf("added %d\n", random.IntN(1000))}, changed[at:]...)...)
		case 2:
			if len(changed) > 1 {
				changed = append(changed[:at], changed[at+1:]...)
			}
		}
	}

	return changed
}

func FuzzApply(f *testing.F) {
	f.Add(ten, "--- x/a\n+++ y/a\n@@ -4,3 +4,3 @@\n 4\n-5\n+five\n 6\n")
	f.Add("1", "diff --git a/a b/b\nrename from a\nrename to b\n--- a/a\n+++ b/b\n@@ -1 +1 @@\n-1\n\\ No newline\n+2\n")
	f.Add("", "@@ -1000000000 +1 @@\n")
	f.Add("1\n", "--- x/a\n+++ /dev/null\n@@ -1073741824,0 +0,0 @@\n")

	f.Fuzz(func(t *testing.T, content, text string) {
		dir := t.TempDir()
		lay(t, dir, map[string]string{"root/a": content})

		if err := apply(t, filepath.Join(dir, "root"), text, 1); err != nil && err.Error() == "" {
			t.Error("an error that says nothing")
		}

		for name := range collect(t, dir) {
			if !strings.HasPrefix(strings.TrimPrefix(name, "!"), "root/") {
				t.Errorf("%s is outside of the directory", name)
			}
		}
	})
}
