package files_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/cosi-project/runtime/pkg/safe"

	"github.com/akmon-os/akmon/runtime/controllers/ctest"
	ctrl "github.com/akmon-os/akmon/runtime/controllers/files"
	"github.com/akmon-os/akmon/runtime/resources/files"
)

func TestEtcFiles(t *testing.T) {
	var (
		mu     sync.Mutex
		mounts []string
	)

	shadow := t.TempDir()
	st := ctest.Start(t, &ctrl.EtcFileController{Shadow: shadow, Mount: func(source, name string) error {
		if name == "missing" {
			return errors.New("the image has no such file")
		}

		mu.Lock()
		defer mu.Unlock()

		mounts = append(mounts, source+" "+name)

		return nil
	}})

	for _, name := range []string{"missing", "hosts", "../escape"} {
		spec := files.NewEtcFileSpec(name)
		*spec.TypedSpec() = files.EtcFileSpecSpec{Contents: []byte("one\n"), Mode: 0o644}

		if err := st.Create(t.Context(), spec); err != nil {
			t.Fatal(err)
		}
	}

	path := filepath.Join(shadow, "hosts")

	// One file that can't be put in place keeps none of the others away.
	ctest.Wait(t, st, files.NewEtcFileStatus("hosts"), func(*files.EtcFileStatus) bool { return true })

	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}

	updated, err := safe.StateUpdateWithConflicts(t.Context(), st, files.NewEtcFileSpec("hosts").Metadata(), func(r *files.EtcFileSpec) error {
		r.TypedSpec().Contents = []byte("two\n")
		r.TypedSpec().Mode = 0o600

		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	ctest.Wait(t, st, files.NewEtcFileStatus("hosts"), func(s *files.EtcFileStatus) bool {
		return s.TypedSpec().SpecVersion == updated.Metadata().Version().String()
	})

	after, err := os.Stat(path)
	if err != nil || !os.SameFile(before, after) || after.Mode() != 0o600 {
		t.Errorf("the file was replaced, not rewritten: %v %v", after, err)
	}

	if data, err := os.ReadFile(path); err != nil || string(data) != "two\n" {
		t.Errorf("contents %q, %v", data, err)
	}

	mu.Lock()
	defer mu.Unlock()

	if !slices.Equal(mounts, []string{path + " hosts"}) {
		t.Errorf("mounts %v", mounts)
	}

	if _, err := os.Stat(filepath.Join(filepath.Dir(shadow), "escape")); err == nil {
		t.Error("a name led out of the directory")
	}
}
