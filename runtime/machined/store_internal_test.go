package machined

import (
	"os"
	"path/filepath"
	"testing"
)

func TestStore(t *testing.T) {
	s := store{dir: filepath.Join(t.TempDir(), "state")}

	if data, err := s.Load(); data != nil || err != nil {
		t.Fatalf("%q, %v", data, err)
	}

	for _, text := range []string{"one", "two"} {
		if err := s.Save([]byte(text)); err != nil {
			t.Fatal(err)
		}

		if data, err := s.Load(); string(data) != text || err != nil {
			t.Fatalf("%q, %v", data, err)
		}
	}

	left, err := os.ReadDir(s.dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}

	info, err := os.Stat(s.path())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}

	// A directory where the file should be.
	bad := store{dir: s.path()}
	if err := bad.Save([]byte("x")); err == nil {
		t.Error("saved into a file")
	}
}

func TestPortGate(t *testing.T) {
	var g portGate

	if err := g.wait(t.Context()); err != nil {
		t.Error(err)
	}

	g.taken()

	done := make(chan error, 1)

	go func() { done <- g.wait(t.Context()) }()

	g.free()
	g.free()

	if err := <-done; err != nil {
		t.Error(err)
	}
}
