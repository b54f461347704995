package forge_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/publish"
	"github.com/akmon-os/akmon/forge/publish/cosign"
	"github.com/akmon-os/akmon/forge/publish/provenance"
	"github.com/akmon-os/akmon/forge/publish/sbom"
)

// signedImage is a layout whose image is signed by the first of two keys, with
// provenance about the digest given ("" is the image's).
func signedImage(t *testing.T, about string) (image string, keys []string) {
	t.Helper()

	dir := t.TempDir()
	image = filepath.Join(dir, "image")

	img, err := random.Image(1000, 1)
	if err != nil {
		t.Fatal(err)
	}

	l, err := layout.Write(image, empty.Index)
	if err != nil {
		t.Fatal(err)
	}

	if err := l.AppendImage(img); err != nil {
		t.Fatal(err)
	}

	target, err := publish.Open(t.Context(), image, publish.Options{})
	if err != nil {
		t.Fatal(err)
	}

	if about == "" {
		about = target.Digest().String()
	}

	for i := range 2 {
		private, public, err := cosign.GenerateKeyPair(nil)
		if err != nil {
			t.Fatal(err)
		}

		keys = append(keys, filepath.Join(dir, fmt.Sprintf("%d.pub", i)))
		if err := os.WriteFile(keys[i], public, 0o644); err != nil {
			t.Fatal(err)
		}

		if i > 0 {
			continue
		}

		key, err := cosign.ParsePrivateKey(private, func() ([]byte, error) { return nil, nil })
		if err != nil {
			t.Fatal(err)
		}

		statement, err := provenance.New("image", about, "v1").Marshal()
		if err != nil {
			t.Fatal(err)
		}

		if err := publish.Attest(t.Context(), target, statement, provenance.PredicateType, key); err != nil {
			t.Fatal(err)
		}

		if err := publish.Sign(t.Context(), target, key, publish.SignOptions{}); err != nil {
			t.Fatal(err)
		}
	}

	return image, keys
}

func indented(t *testing.T, files ...string) string {
	t.Helper()

	var text strings.Builder
	for _, file := range files {
		text.WriteString(read(t, file))
	}

	return "        " + strings.ReplaceAll(strings.TrimSpace(text.String()), "\n", "\n        ") + "\n"
}

func TestVerifyByPolicy(t *testing.T) {
	image, keys := signedImage(t, "")
	file := filepath.Join(t.TempDir(), "policy.yaml")

	text := "apiVersion: v1alpha1\nkind: ImageVerificationConfig\nrules:\n" +
		"  - image: r.example.com/both/*\n    publicKey:\n      certificate: |\n" + indented(t, keys[1], keys[0]) +
		"  - image: r.example.com/other/*\n    publicKey:\n      certificate: |\n" + indented(t, keys[1]) +
		"  - image: r.example.com/keyless/*\n    keyless: {issuer: https://issuer.example.com, subject: a}\n" +
		"  - image: r.example.com/free/*\n    skip: true\n" +
		"  - image: r.example.com/*\n    deny: true\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}

	for _, test := range []struct {
		name string
		rule int
		err  error
		want string
	}{
		{"r.example.com/both/image", 1, nil, ""},
		{"r.example.com/other/image", 0, publish.ErrWrongKey, "no signature by this key"},
		{"r.example.com/keyless/image", 0, forge.ErrPolicy, "wants a keyless signature by https://issuer.example.com"},
		{"r.example.com/free/image", 4, nil, ""},
		{"r.example.com/image", 0, forge.ErrPolicy, "rule 5 of " + file + " denies r.example.com/image"},
		{"alpine", 0, forge.ErrPolicy, "no rule of " + file + " is about docker.io/library/alpine"},
		{"", 0, forge.ErrPolicy, "--name"},
	} {
		got, err := forge.Verify(t.Context(), image, forge.VerifyOptions{Policy: file, Name: test.name})

		switch {
		case !errors.Is(err, test.err) || err != nil && !strings.Contains(err.Error(), test.want):
			t.Errorf("%s: got %v, want %v: %s", test.name, err, test.err, test.want)
		case err == nil && (got.Rule != test.rule || got.Skipped != (got.Key == "") || !got.Skipped && len(got.Provenance) != 1):
			t.Errorf("%s: %+v", test.name, got)
		}
	}
}

// Provenance that was signed for another image is not this one's.
func TestVerifyRefusesForeignProvenance(t *testing.T) {
	image, keys := signedImage(t, "sha256:"+strings.Repeat("0", 64))

	_, err := forge.Verify(t.Context(), image, forge.VerifyOptions{Key: keys[0]})
	if !errors.Is(err, provenance.ErrInvalid) || !strings.Contains(err.Error(), "another image") {
		t.Errorf("got %v", err)
	}
}

// A bill of materials that is attached to an image it is not about is an error.
func TestSBOMOfAnotherImage(t *testing.T) {
	image, _ := signedImage(t, "")

	if _, err := forge.SBOM(t.Context(), image, nil, publish.Options{}); !errors.Is(err, publish.ErrNotFound) {
		t.Errorf("an image without one: %v", err)
	}

	document, err := sbom.SPDX(sbom.Image{Name: "x", Digest: "sha256:" + strings.Repeat("0", 64)})
	if err != nil {
		t.Fatal(err)
	}

	target, err := publish.Open(t.Context(), image, publish.Options{})
	if err != nil {
		t.Fatal(err)
	}

	if _, err := target.Attach(t.Context(), publish.SPDXType, document, nil); err != nil {
		t.Fatal(err)
	}

	if _, err := forge.SBOM(t.Context(), image, nil, publish.Options{}); !errors.Is(err, sbom.ErrInput) {
		t.Errorf("got %v", err)
	}
}
