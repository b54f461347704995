// Package golden compares what a test got with a file that a person has read.
//
//	go test ./media/fat -update
//
// writes the files anew; the difference is then read before it is committed.
// Only tests import it: it defines their flag.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files anew")

// Equal fails the test if got is not what is in file.
func Equal(t testing.TB, file, got string) {
	t.Helper()

	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), run with -update if that is meant:\n%s", file, diff)
	}
}
