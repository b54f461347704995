package engine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/cache/metadata"
	"github.com/moby/buildkit/client/llb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// ServeForTest makes an embedded engine a builder at an address.
func (e *Engine) ServeForTest(l net.Listener) {
	go func() { _ = e.embedded.server.Serve(l) }()
}

// CgroupForTest is where the steps of an engine run.
func CgroupForTest(dir string) string { return cgroupOf(dir) }

func TestImageConfig(t *testing.T) {
	arm := ocispecs.Platform{OS: "linux", Architecture: "arm", Variant: "v6"}

	for name, c := range map[string]struct {
		image Image
		want  string
	}{
		"nothing": {
			Image{Platform: ocispecs.Platform{OS: "linux", Architecture: "amd64"}},
			`{"architecture":"amd64","config":{},"os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`,
		},
		"unknown fields stay, what is there wins": {
			Image{Platform: arm, Config: []byte(`{"os":"plan9","x":[1],"config":{"Cmd":["a"]}}`)},
			`{"architecture":"arm","config":{"Cmd":["a"]},"os":"plan9","rootfs":{"type":"layers","diff_ids":[]},"variant":"v6","x":[1]}`,
		},
	} {
		got, err := c.image.config()
		if diff := cmp.Diff(c.want, string(got)); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}

	if _, err := (Image{Config: []byte("{")}).config(); err == nil {
		t.Error("a broken configuration was taken")
	}
}

func TestDiskFullIsRecognized(t *testing.T) {
	dir := t.TempDir()
	step := &StepError{Output: []string{"ld: final link failed: No space left on device"}, ExitCode: 1}
	step.Step.Name = "[musl] link"

	for _, err := range []error{unix.ENOSPC, fmt.Errorf("x: %w", unix.EDQUOT), errors.New("rpc: write /a: no space left on device"), step} {
		var full *DiskFullError
		if got := diskFull(err, "/nonexistent", dir); !errors.As(got, &full) || full.Path != dir || !errors.Is(got, err) {
			t.Errorf("%v: got %v", err, got)
		}
	}

	if text := diskFull(step, dir).Error(); !strings.HasPrefix(text, "[musl] link: no space left on the disk of "+dir) {
		t.Errorf("got %q", text)
	}

	other := errors.New("other")
	if got := diskFull(other, dir); !errors.Is(got, other) || got.Error() != "other" {
		t.Errorf("got %v", got)
	}
}

func TestFormatBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536 << 20: "1.5 GiB"} {
		if got := formatBytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestLockOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), lockName)

	for text, want := range map[string]int{"12\n": 12, "": 0, "x": 0} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}

		if got := lockOwner(path); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
}

func FuzzSoundLayout(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0,"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}`))
	f.Add([]byte(`{"manifests":[{"digest":"sha256:../../../etc/passwd","size":3,"annotations":{"org.opencontainers.image.ref.name":"latest"}}]}`))
	f.Add([]byte(`[]`))

	f.Fuzz(func(t *testing.T, index []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "index.json"), index, 0o600); err != nil {
			t.Fatal(err)
		}

		// No blob is there, so nothing can be sound.
		if got := soundLayout(dir, nil); got != "" {
			t.Errorf("got %q", got)
		}
	})
}

// TestRecordsFromTheFuture simulates a clock that was ahead when steps ran and
// is right now: it moves the times in the cache's index.
func TestRecordsFromTheFuture(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the embedded engine needs root")
	}

	e, err := Open(t.Context(), Options{StateDir: filepath.Join(t.TempDir(), "state")})
	if err != nil {
		t.Skipf("no engine here: %v", err)
	}

	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()

	def, err := llb.Scratch().File(llb.Mkfile("/a", 0o644, make([]byte, 1<<20))).Marshal(t.Context(), llb.LinuxAmd64)
	if err != nil {
		t.Fatal(err)
	}

	solve := func() *Result {
		result, err := e.Solve(t.Context(), Request{Images: []Image{{Definition: def}}})
		if err != nil {
			t.Fatal(err)
		}

		return result
	}

	solve()

	items, err := e.embedded.worker.MetadataStore.All()
	if err != nil {
		t.Fatal(err)
	}

	moved := 0

	for _, item := range items {
		for _, key := range []string{"cache.createdAt", "cache.lastUsedAt"} {
			if item.Get(key) == nil {
				continue
			}

			value, err := metadata.NewValue(time.Now().AddDate(3, 0, 0).UnixNano())
			if err != nil {
				t.Fatal(err)
			}

			item.Queue(func(b *bolt.Bucket) error { return item.SetValue(b, key, value) })

			if err := item.Commit(); err != nil {
				t.Fatal(err)
			}

			moved++
		}
	}

	if moved == 0 {
		t.Fatal("no times were found in the index")
	}

	if got := solve(); got.Executed != 0 {
		t.Errorf("executed %d", got.Executed)
	}

	if usage, err := e.Status(t.Context()); err != nil || usage.Bytes < 1<<20 {
		t.Errorf("%+v, %v", usage, err)
	}

	var freed *GCResult

	// The solver lets go of its results a moment after it answered.
	for range 100 {
		if freed, err = e.GC(t.Context(), GCOptions{}); err != nil || freed.Bytes >= 1<<20 {
			break
		}

		time.Sleep(50 * time.Millisecond)
	}

	if err != nil || freed.Bytes < 1<<20 {
		t.Errorf("freed %+v, %v", freed, err)
	}

	if got := solve(); got.Executed != 1 {
		t.Errorf("executed %d after collecting", got.Executed)
	}
}
