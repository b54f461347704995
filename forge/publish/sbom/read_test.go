package sbom

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is read and written again is the same document.
func TestReadGivesBackWhatWasWritten(t *testing.T) {
	for name, image := range map[string]Image{"full": installer(), "bare": {Name: "bare"}} {
		data, err := SPDX(image)
		if err != nil {
			t.Fatal(err)
		}

		read, err := Read(data)
		if err != nil {
			t.Fatal(err)
		}

		again, err := SPDX(read)
		if err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff(string(data), string(again)); diff != "" {
			t.Errorf("%s (-written +again):\n%s", name, diff)
		}
	}
}

func TestReadTakesOthersDocuments(t *testing.T) {
	got, err := Read([]byte(`{"spdxVersion":"SPDX-2.2","name":"alpine","packages":[
		{"SPDXID":"SPDXRef-image","name":"alpine","versionInfo":"3.22"},
		{"SPDXID":"SPDXRef-musl","name":"musl","versionInfo":"1.2.5","licenseDeclared":"MIT","supplier":"Person: A"}],
		"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-image"},
		{"spdxElementId":"SPDXRef-image","relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-musl"}]}`))
	if err != nil {
		t.Fatal(err)
	}

	want := Image{Name: "alpine", Version: "3.22", Components: []Component{
		{Name: "musl", Version: "1.2.5", Licenses: []string{"MIT"}, Supplier: "Person: A"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadRefuses(t *testing.T) {
	for _, text := range []string{"", "[]", "{}", `{"spdxVersion":"SPDX-3.0"}`} {
		if _, err := Read([]byte(text)); !errors.Is(err, ErrInput) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestMerge(t *testing.T) {
	a, b := installer(), installer()
	b.Platform = "linux/arm64"
	b.Files = []File{{Path: "/usr/install/arm64/vmlinuz", SHA1: sha1Of("c"), SHA256: sum("c", 64)}, a.Files[0]}
	b.Components = append(b.Components, Component{Name: "only-on-arm"})

	got := Merge(a, b)

	want := a
	want.Platform = "linux/amd64,linux/arm64"
	want.Components = append(want.Components, Component{Name: "only-on-arm"})
	want.Files = append(want.Files, b.Files[0])

	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	if _, err := SPDX(got); err != nil {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	seed, err := os.ReadFile(filepath.Join("testdata", "installer.spdx.json"))
	if err != nil {
		f.Fatal(err)
	}

	f.Add(seed)
	f.Add([]byte(`{"spdxVersion":"SPDX-2.3","packages":[{}],"files":[{}],"relationships":[{}]}`))

	f.Fuzz(func(t *testing.T, data []byte) {
		image, err := Read(data)
		if err != nil {
			return
		}

		// What is read may be more than can be written, but must not break it.
		if out, err := SPDX(image); err == nil {
			if _, err := Read(out); err != nil {
				t.Fatal(err)
			}
		}
	})
}
