package engine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
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
