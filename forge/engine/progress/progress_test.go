package progress_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"github.com/akmon-os/akmon/forge/engine/progress"

	"github.com/akmon-os/akmon/internal/golden"
)

func at(seconds int) *time.Time {
	t := time.Date(2024, 5, 6, 7, 8, seconds, 0, time.UTC)

	return &t
}

// reports are what a builder sends for a small build: an input, a command that
// works, one that is cached, and one that fails.
func reports() []*client.SolveStatus {
	source, build, cached, bad := digest.FromString("source"), digest.FromString("build"), digest.FromString("cached"), digest.FromString("bad")

	return []*client.SolveStatus{
		{Vertexes: []*client.Vertex{{Digest: source, Name: "local source"}, {Digest: build, Name: "[musl] build 1/2: make"}}},
		{Vertexes: []*client.Vertex{{Digest: source, Name: "local source", Started: at(1)}}},
		{Statuses: []*client.VertexStatus{{ID: "transferring", Vertex: source, Current: 5, Total: 10, Timestamp: *at(1)}}},
		{Vertexes: []*client.Vertex{{Digest: source, Name: "local source", Started: at(1), Completed: at(2)}}},
		// Told twice: nothing new.
		{Vertexes: []*client.Vertex{{Digest: source, Name: "local source", Started: at(1), Completed: at(2)}}},
		{Vertexes: []*client.Vertex{{Digest: cached, Name: "[zlib] build 1/1: make", Started: at(2), Completed: at(2), Cached: true}}},
		{Vertexes: []*client.Vertex{{Digest: build, Name: "[musl] build 1/2: make", Started: at(2)}}},
		{Logs: []*client.VertexLog{{Vertex: build, Stream: 1, Data: []byte("cc <a.c>\n"), Timestamp: *at(3)}}},
		{Warnings: []*client.VertexWarning{}},
		{Vertexes: []*client.Vertex{{Digest: build, Name: "[musl] build 1/2: make", Started: at(2), Completed: at(5)}}},
		{Vertexes: []*client.Vertex{{Digest: bad, Name: "[musl] build 2/2: false", Started: at(5)}}},
		{Vertexes: []*client.Vertex{{Digest: bad, Name: "[musl] build 2/2: false", Started: at(5), Completed: at(6), Error: "exit code: 1"}}},
	}
}

func TestEvents(t *testing.T) {
	var out bytes.Buffer

	events := progress.NewEvents(&out)
	for _, r := range reports() {
		events.Update(r)
	}

	file := filepath.Join("testdata", "events.json")
	golden.Equal(t, file, out.String())
}

func TestRecorder(t *testing.T) {
	var r progress.Recorder
	for _, report := range reports() {
		r.Update(report)
	}

	type row struct {
		Name, Package, Error string
		Cached               bool
		Duration             time.Duration
	}

	var got []row
	for _, s := range r.Steps() {
		got = append(got, row{s.Name, s.Package, s.Error, s.Cached, s.Duration()})
	}

	want := []row{
		{Name: "local source", Duration: time.Second},
		{Name: "[musl] build 1/2: make", Package: "musl", Duration: 3 * time.Second},
		{Name: "[zlib] build 1/1: make", Package: "zlib", Cached: true},
		{Name: "[musl] build 2/2: false", Package: "musl", Error: "exit code: 1", Duration: time.Second},
	}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}

	if failed := r.Failed(); len(failed) != 1 || failed[0] != digest.FromString("bad") {
		t.Errorf("failed: %v", failed)
	}
}

func TestTail(t *testing.T) {
	long := strings.Repeat("x", 10000)

	var many, last []string
	for i := range 500 {
		many = append(many, fmt.Sprint("line ", i))
	}

	last = many[470:]

	for name, c := range map[string]struct {
		chunks []string
		want   []string
	}{
		"nothing":           {},
		"lines":             {[]string{"a\nb\n"}, []string{"a", "b"}},
		"in pieces":         {[]string{"a", "b\nc", "d"}, []string{"ab", "cd"}},
		"carriage returns":  {[]string{"10%\r50%\r100%\r\ndone\n"}, []string{"100%", "done"}},
		"control sequences": {[]string{"\x1b[31mred\x1b[0m\tx\n"}, []string{"[31mred[0m\tx"}},
		"not UTF-8":         {[]string{"a\xffb\n"}, []string{"a?b"}},
		"a very long line":  {[]string{long, long, "\nend\n"}, []string{long[:4096], "end"}},
		"many lines":        {[]string{strings.Join(many, "\n") + "\n"}, last},
	} {
		var r progress.Recorder
		r.Update(&client.SolveStatus{Vertexes: []*client.Vertex{{Digest: "d"}}})

		for _, chunk := range c.chunks {
			r.Update(&client.SolveStatus{Logs: []*client.VertexLog{{Vertex: "d", Data: []byte(chunk)}}})
		}

		if _, got, _ := r.Step("d"); !cmp.Equal(c.want, got) {
			t.Errorf("%s (-want +got):\n%s", name, cmp.Diff(c.want, got))
		}
	}
}

func TestDisplays(t *testing.T) {
	for mode, want := range map[progress.Mode]string{
		progress.Auto:  "[musl] build 1/2: make",
		progress.Plain: "[musl] build 1/2: make",
		progress.JSON:  `"package":"musl"`,
		progress.Quiet: "",
	} {
		var out bytes.Buffer

		d, err := progress.NewDisplay(&out, mode)
		if err != nil {
			t.Fatal(err)
		}

		for _, r := range reports() {
			d.Update(r)
		}

		d.Close()
		d.Update(reports()[0])

		if !strings.Contains(out.String(), want) || (want == "" && out.Len() > 0) {
			t.Errorf("%s printed %q", mode, out.String())
		}
	}

	if _, err := progress.NewDisplay(&bytes.Buffer{}, progress.TTY); err == nil {
		t.Error("a live view without a terminal was not refused")
	}
}

func TestParseMode(t *testing.T) {
	if m, err := progress.ParseMode("json"); m != progress.JSON || err != nil {
		t.Errorf("json: %q, %v", m, err)
	}

	if _, err := progress.ParseMode("fancy"); err == nil || !strings.Contains(err.Error(), "auto, tty, plain, json, quiet") {
		t.Errorf("fancy: %v", err)
	}
}

func FuzzPackageOf(f *testing.F) {
	for _, seed := range []string{"[musl] build 1/2: make", "[", "[]", "x]", "", "[a]b]"} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, name string) {
		if pkg := progress.PackageOf(name); pkg != "" && !strings.HasPrefix(name, "["+pkg+"]") {
			t.Errorf("%q: %q", name, pkg)
		}
	})
}
