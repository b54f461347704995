package engine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestHasRange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "subuid")

	for text, want := range map[string]bool{
		"me:100000:65536\n":                         true,
		"1000:100000:65536\n":                       true,
		"other:1:65536\nme:100000:65536":            true,
		"me:100000:10\n":                            false,
		"me:100000:many\nme\n:::\nmyself:1:65536\n": false,
		"": false,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}

		if got := hasRange(path, "me", "1000"); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}

	if hasRange(path+".missing", "me", "1000") {
		t.Error("a missing file has a range")
	}
}
