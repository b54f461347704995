package lower_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"google.golang.org/protobuf/proto"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/forge/tree/synthetic"
)

// many is a tree of count packages.
func many(count int) fstest.MapFS {
	files := fstest.MapFS{}
	for name, text := range synthetic.Files(count) {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}

	return files
}

// compiled is a digest of everything that BuildKit gets of a tree that is large
// enough to be lowered by several goroutines.
func compiled(t *testing.T) string {
	t.Helper()

	loaded, err := tree.Load(tree.Options{FS: many(48)})
	if err != nil {
		t.Fatal(err)
	}

	g, err := graph.Resolve(loaded, nil)
	if err != nil {
		t.Fatal(err)
	}

	result, err := lower.Lower(context.Background(), g, synthetic.All, lower.Options{})
	if err != nil {
		t.Fatal(err)
	}

	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(result.Definition.ToPB())
	if err != nil {
		t.Fatal(err)
	}

	return fmt.Sprintf("%x", sha256.Sum256(raw))
}

// printCompiled makes TestHundredRuns print what it gets, for another process.
const printCompiled = "AKMON_TEST_PRINT_COMPILED"

// Every map has a seed of its own, and every process has one for all of them.
func TestHundredRuns(t *testing.T) {
	if os.Getenv(printCompiled) != "" {
		fmt.Printf("compiled %s\n", compiled(t))

		return
	}

	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))

	first := compiled(t)

	for round := range 100 {
		runtime.GOMAXPROCS(1 + round%8)

		if again := compiled(t); again != first {
			t.Fatalf("round %d differs", round)
		}
	}

	for processors := range 4 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestHundredRuns$")
		cmd.Env = append(cmd.Environ(), printCompiled+"=1", fmt.Sprintf("GOMAXPROCS=%d", 1+2*processors), "GOGC=10")

		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}

		if !strings.Contains(string(out), "compiled "+first+"\n") {
			t.Errorf("a process with %d processors differs:\n%s", 1+2*processors, out)
		}
	}
}
