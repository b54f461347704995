package pins_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/pins"
	"github.com/akmon-os/akmon/forge/source/image"
)

const sum = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()

	empty, err := pins.Load(dir)
	if err != nil {
		t.Fatal(err)
	}

	if changed, err := empty.Save(dir); err != nil || changed {
		t.Errorf("saving nothing: %t, %v", changed, err)
	}

	want := &pins.Pins{Images: map[string]string{
		"registry.example.com:5000/tools:v1": sum, "docker.io/library/alpine:3.22": sum,
	}}

	for i, expected := range []bool{true, false} {
		if changed, err := want.Save(dir); err != nil || changed != expected {
			t.Errorf("save %d: %t, %v", i, changed, err)
		}
	}

	got, err := pins.Load(dir)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pins (-want +got):\n%s", diff)
	}

	text, err := os.ReadFile(filepath.Join(dir, pins.FileName))
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff("# Written by \"akmon lock\". Do not edit.\nformat: v1alpha1\nimages:\n"+
		"  - ref: docker.io/library/alpine:3.22\n    digest: "+sum+"\n"+
		"  - ref: registry.example.com:5000/tools:v1\n    digest: "+sum+"\n", string(text)); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
}

func TestImage(t *testing.T) {
	p := &pins.Pins{Images: map[string]string{"docker.io/library/alpine:latest": sum}}

	for text, want := range map[string]string{
		"alpine":            "docker.io/library/alpine@" + sum,
		"alpine:3":          "",
		"alpine:3@" + sum:   "docker.io/library/alpine@" + sum,
		"docker.io/alpine":  "docker.io/library/alpine@" + sum,
		"example.org/a:1.0": "",
	} {
		ref, err := image.Parse(text)
		if err != nil {
			t.Fatal(err)
		}

		got, pinned := p.Image(ref)
		if pinned != (want != "") || (pinned && got.String() != want) {
			t.Errorf("%s: %s, %t", text, got, pinned)
		}
	}
}

var bad = map[string]string{
	"format: v2\n":                  `lock: format is "v2", this program knows v1alpha1`,
	"format: v1alpha1\nimage: []\n": `lock:2:1: unknown key "image"; did you mean "images"?`,
	"format: v1alpha1\nimages:\n  - ref: alpine\n    digest: " + sum + "\n":                                `lock:3:10: "alpine" is not a full reference with a tag, such as docker.io/library/alpine:latest`,
	"format: v1alpha1\nimages:\n  - ref: docker.io/library/alpine:1\n    digest: sha256:0\n":               `lock:4:13: "sha256:0" is not a digest of the form sha256:…`,
	"format: v1alpha1\nimages:\n  - ref: docker.io/library/alpine:1\n":                                     `lock:3:10: image 1 has no ref or no digest`,
	"format: v1alpha1\nimages:\n  - ref: \"a b\"\n    digest: " + sum + "\n":                               `lock:3:10: "a b" is not an image reference`,
	"format: v1alpha1\nimages:\n" + strings.Repeat("  - {ref: \"example.org/a:1\", digest: "+sum+"}\n", 2): `lock:4:11: example.org/a:1 is pinned twice`,
}

func TestBad(t *testing.T) {
	for text, want := range bad {
		if _, err := pins.Parse("lock", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for text := range bad {
		f.Add([]byte(text))
	}

	f.Add([]byte("format: v1alpha1\nimages:\n  - {ref: \"example.org/a:1\", digest: " + sum + "}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := pins.Parse("lock", data)
		if err != nil {
			return
		}

		text, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}

		again, err := pins.Parse("lock", text)
		if err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff(p, again); diff != "" {
			t.Errorf("after encoding (-want +got):\n%s", diff)
		}
	})
}
