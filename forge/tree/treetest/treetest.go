// Package treetest holds what tests of the compiler share: package trees kept
// as one text file each, and golden sections in them.
//
// A file is a comment followed by sections, each begun by a line "-- NAME --".
// Sections whose name has no "WANT" prefix are files of the tree; the name
// "LINK -> TARGET" makes a symbolic link. With the
// flag -update the WANT sections are rewritten with what the test got; a
// person reads the difference.
package treetest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the WANT sections of the test data")

// Update tells whether expectations are to be rewritten.
func Update() bool { return *update }

// wantPrefix begins the names of the sections that are expectations.
const wantPrefix = "WANT"

// Archive is one file of test data.
type Archive struct {
	path     string
	comment  string
	sections []section
}

type section struct{ name, text string }

// Each runs f for every file that the pattern matches, as a subtest.
func Each(t *testing.T, pattern string, f func(t *testing.T, a *Archive)) {
	t.Helper()

	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no test data matches %s: %v", pattern, err)
	}

	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		if strings.Contains(filepath.Dir(pattern), "*") {
			name = filepath.Base(filepath.Dir(path)) + "/" + name
		}

		t.Run(name, func(t *testing.T) {
			f(t, Read(t, path))
		})
	}
}

// Read reads one file of test data.
func Read(t testing.TB, path string) *Archive {
	t.Helper()

	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	a := Parse(string(raw))

	// A test may go to another directory before it writes.
	if a.path, err = filepath.Abs(path); err != nil {
		t.Fatal(err)
	}

	return a
}

// Parse takes a file of test data apart.
func Parse(text string) *Archive {
	a := &Archive{}

	for line := range strings.Lines(text) {
		if name, ok := marker(line); ok {
			a.sections = append(a.sections, section{name: name})
		} else if n := len(a.sections); n > 0 {
			a.sections[n-1].text += line
		} else {
			a.comment += line
		}
	}

	return a
}

func marker(line string) (string, bool) {
	name, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "-- ")
	if !ok {
		return "", false
	}

	return strings.CutSuffix(name, " --")
}

// FS gives the files of the tree.
func (a *Archive) FS() fstest.MapFS {
	files := fstest.MapFS{}

	for _, s := range a.sections {
		if !strings.HasPrefix(s.name, wantPrefix) {
			files[s.name] = &fstest.MapFile{Data: a.text(s), Mode: 0o644}
		}
	}

	return files
}

// Setting gives the value of a line "NAME: value" of the comment, or def.
func (a *Archive) Setting(name, def string) string {
	for line := range strings.Lines(a.comment) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}

	return def
}

// Want compares got with section "WANT name" ("WANT" when name is empty), or
// rewrites the section.
func (a *Archive) Want(t *testing.T, name, got string) {
	t.Helper()

	name = strings.TrimSpace(wantPrefix + " " + name)
	if got != "" && !strings.HasSuffix(got, "\n") {
		got += "\n"
	}

	for i := range a.sections {
		if a.sections[i].name != name {
			continue
		}

		if *update {
			a.sections[i].text = got
			a.write(t)
		} else if diff := cmp.Diff(a.sections[i].text, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}

		return
	}

	if !*update {
		t.Errorf("the test data has no section %q; got:\n%s", name, got)

		return
	}

	a.sections = append(a.sections, section{name, got})
	a.write(t)
}

func (a *Archive) write(t *testing.T) {
	t.Helper()

	var b strings.Builder

	b.WriteString(a.comment)

	for _, s := range a.sections {
		fmt.Fprintf(&b, "-- %s --\n%s", s.name, s.text)
	}

	if err := os.WriteFile(a.path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
