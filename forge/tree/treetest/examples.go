package treetest

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// example is a document in a page: a YAML block that begins with the name of
// its file.
var example = regexp.MustCompile("(?s)```yaml\n# FILE: ([^\n]*)\n(.*?)```\n")

// Examples gives the tree that the examples of a page make, with what they
// speak of but do not show.
func Examples(t testing.TB, path string) fstest.MapFS {
	t.Helper()

	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	files := fstest.MapFS{
		"go.mod": {}, "go.sum": {}, "cmd/service/main.go": {}, "compiler/cc.sh": {}, "tools/debian.lock.yaml": {},
		"libraries/zlib/patches/static.patch": {}, "libraries/musl/no-prefix.diff": {},
	}

	found := example.FindAllStringSubmatch(string(text), -1)
	if blocks := strings.Count(string(text), "```yaml\n"); blocks != len(found) || blocks == 0 {
		t.Fatalf("%d of %d examples have the name of a file", len(found), blocks)
	}

	for _, m := range found {
		files[m[1]] = &fstest.MapFile{Data: []byte(m[2])}
	}

	return files
}
