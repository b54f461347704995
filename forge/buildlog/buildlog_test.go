package buildlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/akmon-os/akmon/forge/buildlog"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func create(t *testing.T, dir, target string) *buildlog.Writer {
	t.Helper()

	w, err := buildlog.Create(dir, target, start)
	if err != nil {
		t.Fatal(err)
	}

	return w
}

// step reports a step that prints output in chunks, and ends.
func step(w *buildlog.Writer, name, failure string, chunks ...string) {
	d := digest.FromString(name)
	end := start.Add(1500 * time.Millisecond)

	w.Update(&client.SolveStatus{Vertexes: []*client.Vertex{{Digest: d, Name: name}}})
	w.Update(&client.SolveStatus{Vertexes: []*client.Vertex{{Digest: d, Name: name, Started: &start}}})

	for _, c := range chunks {
		w.Update(&client.SolveStatus{Logs: []*client.VertexLog{{Vertex: d, Data: []byte(c)}}})
	}

	w.Update(&client.SolveStatus{Vertexes: []*client.Vertex{{Digest: d, Name: name, Started: &start, Completed: &end, Error: failure}}})
}

func find(t *testing.T, dir, target string) (*buildlog.Log, string) {
	t.Helper()

	l, err := buildlog.Find(dir, target)
	if err != nil {
		t.Fatal(err)
	}

	var text bytes.Buffer
	if err := l.WriteText(&text); err != nil {
		t.Fatal(err)
	}

	return l, text.String()
}

func TestLog(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir, "os/target.v1")

	step(w, "[a] build 1/1: make", "", "10%\r50%\rdone\n", "\x1b[31mred\xff\n")

	// While it runs, and if it is killed.
	if l, text := find(t, dir, "os/target.v1"); l.Finished != nil || !strings.Contains(text, "still running or killed") || !strings.Contains(text, "  done\n") {
		t.Errorf("got\n%s", text)
	}

	step(w, "[b linux/arm64] build 1/1: make", "exit code: 2", "bad\n")

	cached := &client.Vertex{Digest: digest.FromString("c"), Name: "[c] build 1/1: make", Started: &start, Completed: &start, Cached: true}
	w.Update(&client.SolveStatus{Vertexes: []*client.Vertex{cached}})

	if err := w.Close(true, errors.New("b/pkg.yaml:1:2: it failed")); err != nil {
		t.Fatal(err)
	}

	_, text := find(t, dir, "os/target.v1")

	for _, want := range []string{
		", failed after ", "\n[a] build 1/1: make (1.5 s)\n  done\n  [31mred?\n", "\n[b linux/arm64] build 1/1: make (failed)\n  bad\n", "\nb/pkg.yaml:1:2: it failed\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}

	if strings.Contains(text, "[c]") {
		t.Errorf("what the cache served is in\n%s", text)
	}

	// A build with nothing to do changes nothing.
	if err := create(t, dir, "os/target.v1").Close(false, nil); err != nil {
		t.Fatal(err)
	}

	if _, again := find(t, dir, "os/target.v1"); again != text {
		t.Errorf("the log became\n%s", again)
	}

	// A part, for whatever platform.
	if l, _ := find(t, dir, "b"); len(l.Steps) != 1 || l.Target != "os/target.v1" {
		t.Errorf("got %+v", l)
	}

	if _, err := buildlog.Find(dir, "os/traget.v1"); !errors.Is(err, buildlog.ErrNone) || !strings.Contains(err.Error(), `did you mean "os/target.v1"?`) {
		t.Errorf("got %v", err)
	}
}

// TestBounds prints more than is kept.
func TestBounds(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir, "t")

	var chunks []string
	for i := range 100 {
		chunks = append(chunks, fmt.Sprintf("chunk %d begins\n", i)+strings.Repeat("x", 64<<10)+fmt.Sprintf("\nchunk %d ends\n", i))
	}

	step(w, "[a] build", "", chunks...)

	if err := w.Close(true, nil); err != nil {
		t.Fatal(err)
	}

	l, _ := find(t, dir, "t")
	output := l.Steps[0].Output

	for _, want := range []string{"chunk 0 begins\n", "chunk 14 ends\n", "bytes left out]\n", "chunk 99 begins\n", "chunk 99 ends\n"} {
		if !strings.Contains(output, want) {
			t.Errorf("%q is not in the log", want)
		}
	}

	if strings.Contains(output, "chunk 50 ") || len(output) > buildlog.HeadBytes+buildlog.TailBytes+100 {
		t.Errorf("%d bytes were kept", len(output))
	}
}

// TestPrune deletes the oldest logs when there is too much.
func TestPrune(t *testing.T) {
	root := t.TempDir()
	old := filepath.Join(root, "othertree", "old.jsonl")

	if err := os.MkdirAll(filepath.Dir(old), 0o700); err != nil {
		t.Fatal(err)
	}

	// Sparse: it takes no room.
	if err := errors.Join(os.WriteFile(old, nil, 0o600), os.Truncate(old, buildlog.TotalBytes), os.Chtimes(old, start, start)); err != nil {
		t.Fatal(err)
	}

	w := create(t, filepath.Join(root, "tree"), "t")
	step(w, "[a] build", "", "x\n")

	if err := w.Close(true, nil); err != nil {
		t.Fatal(err)
	}

	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old log: %v", err)
	}

	find(t, filepath.Join(root, "tree"), "t")
}

func TestParseBad(t *testing.T) {
	head := `{"target":"t","started":"2026-01-02T03:04:05Z"}` + "\n"

	for name, c := range map[string]struct{ text, err string }{
		"nothing":      {"", "it is not a build log"},
		"another file": {"hello\nworld\n", "line 1"},
		"cut off":      {head + `{"step":"x","na`, ""},
		"broken":       {head + "{\n" + head, "line 2"},
		"unknown step": {head + `{"step":"x","output":"y"}` + "\n", ""},
	} {
		_, err := buildlog.Parse(strings.NewReader(c.text))
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	head := `{"target":"t","started":"2026-01-02T03:04:05Z"}` + "\n"
	for _, seed := range []string{"", head, head + `{"step":"x","started":"2026-01-02T03:04:05Z","name":"[a] b"}` + "\n" + `{"step":"x","ended":true}` + "\n", "{}\n"} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, text string) {
		if l, err := buildlog.Parse(strings.NewReader(text)); err == nil {
			if err := l.WriteText(&bytes.Buffer{}); err != nil {
				t.Error(err)
			}
		}
	})
}
