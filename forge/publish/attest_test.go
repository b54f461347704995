package publish

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/akmon-os/akmon/forge/publish/cosign"
	"github.com/akmon-os/akmon/forge/publish/provenance"
)

// statement is provenance of the target.
func statement(t *testing.T, target *Target) []byte {
	t.Helper()

	s := provenance.New("installer", target.Digest().String(), "v1")
	s.Predicate.BuildDefinition.External.Target = "installer"

	data, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}

	var theirs intoto.Statement
	if err := protojson.Unmarshal(data, &theirs); err != nil {
		t.Fatal(err)
	}

	if err := theirs.Validate(); err != nil {
		t.Error(err)
	}

	return data
}

// What is attested is found again, in a layout and in registries with and
// without the referrers API, and only the right key's counts.
func TestAttest(t *testing.T) {
	ec, other := testKey(t, "ec.pem"), testKey(t, "rsa.pem")

	for _, referrers := range []bool{true, false} {
		target := open(t, imageLayout(t))
		data := statement(t, target)

		for range 2 { // again changes nothing
			if err := Attest(ctx, target, data, provenance.PredicateType, ec); err != nil {
				t.Fatal(err)
			}
		}

		if err := Sign(ctx, target, ec, SignOptions{}); err != nil {
			t.Fatal(err)
		}

		host := startRegistry(t, registry.WithReferrersSupport(referrers))

		pushed, err := Push(ctx, target, host+"/akmon/installer:v1", Options{})
		if err != nil {
			t.Fatal(err)
		}

		pulled, err := Pull(ctx, pushed, filepath.Join(t.TempDir(), "pulled"))
		if err != nil {
			t.Fatal(err)
		}

		for _, place := range []*Target{target, pushed, pulled} {
			got, err := Statements(ctx, place, ec.Public())
			if err != nil {
				t.Fatal(err)
			}

			if len(got) != 1 || !got[0].Signed || got[0].PredicateType() != provenance.PredicateType {
				t.Fatalf("%s: %d statements: %+v", place, len(got), got)
			}

			if diff := cmp.Diff(string(data), string(got[0].Statement)); diff != "" {
				t.Error(diff)
			}

			if got, err := Statements(ctx, place, other.Public()); err != nil || len(got) != 1 || got[0].Signed {
				t.Errorf("%s, another key: %+v, %v", place, got, err)
			}

			verified, err := Verify(ctx, place, ec.Public())
			if err != nil {
				t.Fatal(err)
			}

			if len(verified.Attachments) != 1 || !verified.Attachments[0].Signed {
				t.Errorf("%s: attachments %+v", place, verified.Attachments)
			}
		}
	}
}

// Statements of other keys and about other things are kept; what it says of
// itself is replaced.
func TestAttestKeepsOthers(t *testing.T) {
	target := open(t, imageLayout(t))
	ec, rsa := testKey(t, "ec.pem"), testKey(t, "rsa.pem")

	for _, step := range []struct {
		text, predicate string
		key             any
	}{
		{`{"predicateType":"a","n":1}`, "a", ec},
		{`{"predicateType":"a","n":2}`, "a", rsa},
		{`{"predicateType":"b","n":3}`, "b", ec},
		{`{"predicateType":"a","n":4}`, "a", ec},
	} {
		signer := ec
		if step.key == rsa {
			signer = rsa
		}

		if err := Attest(ctx, target, []byte(step.text), step.predicate, signer); err != nil {
			t.Fatal(err)
		}
	}

	got, err := Statements(ctx, target, ec.Public())
	if err != nil {
		t.Fatal(err)
	}

	texts := map[string]bool{}
	for _, a := range got {
		texts[string(a.Statement)] = a.Signed
	}

	want := map[string]bool{
		`{"predicateType":"a","n":2}`: false, `{"predicateType":"b","n":3}`: true, `{"predicateType":"a","n":4}`: true,
	}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("statements, signed by the key (-want +got):\n%s", diff)
	}
}

// In a layout there is one document of a kind, with its signatures.
func TestAttachReplaces(t *testing.T) {
	target, key := open(t, imageLayout(t)), testKey(t, "ec.pem")

	for _, text := range []string{"old", "new"} {
		for _, kind := range []string{SPDXType, CycloneDXType} {
			attached, err := target.Attach(ctx, kind, []byte(text), nil)
			if err != nil {
				t.Fatal(err)
			}

			if err := Sign(ctx, attached, key, SignOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}

	for _, kind := range []string{SPDXType, CycloneDXType} {
		found, err := target.Referrers(ctx, kind)
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %d, %v", kind, len(found), err)
		}

		if content, err := found[0].Content(ctx); err != nil || string(content) != "new" {
			t.Errorf("%s: %q, %v", kind, content, err)
		}
	}

	index, err := target.store.(*layoutStore).index()
	if err != nil || len(index.Manifests) != 5 {
		t.Errorf("%d entries, want the image, two documents, two signatures; %v", len(index.Manifests), err)
	}
}

// A tar archive of a layout is read where it is, and can't be written.
func TestArchive(t *testing.T) {
	dir := imageLayout(t)
	key := testKey(t, "ec.pem")
	archive := filepath.Join(t.TempDir(), "image.tar")
	signed(t, dir)

	if out, err := exec.Command("tar", "-C", dir, "-cf", archive, ".").CombinedOutput(); err != nil {
		t.Skipf("tar: %v\n%s", err, out)
	}

	for _, ref := range []string{archive, "oci:" + archive, archive + ":v1"} {
		target := open(t, ref)
		checkWhole(t, target, key.Public())

		if _, err := target.Attach(ctx, "text/plain", []byte("x"), nil); err == nil {
			t.Error("an archive was written to")
		}
	}

	pulled := filepath.Join(t.TempDir(), "pulled")
	if _, err := Pull(ctx, open(t, archive), pulled); err != nil {
		t.Fatal(err)
	}

	checkWhole(t, open(t, pulled), key.Public())

	bad := filepath.Join(t.TempDir(), "bad.tar")
	if err := os.WriteFile(bad, []byte("this is no archive"), 0o644); err != nil {
		t.Fatal(err)
	}

	if _, err := Open(ctx, bad, Options{}); err == nil {
		t.Error("a text was opened as an archive")
	}
}

// cosign verifies what we attest, and we read what cosign attests.
func TestCosignAgreesOnAttestations(t *testing.T) {
	program, err := exec.LookPath("cosign")
	if err != nil {
		t.Skip("cosign is not installed")
	}

	t.Setenv("COSIGN_PASSWORD", "secret")

	private, public, err := cosign.GenerateKeyPair([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}

	key, err := cosign.ParsePrivateKey(private, func() ([]byte, error) { return []byte("secret"), nil })
	if err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	target := open(t, imageLayout(t))

	for name, data := range map[string][]byte{
		"cosign.key": private, "cosign.pub": public, "predicate.json": []byte(`{"buildDefinition":{},"runDetails":{"builder":{"id":"x"}}}`),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	run := func(args ...string) {
		t.Helper()

		cmd := exec.Command(program, args...)
		cmd.Dir = dir

		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("cosign %s: %v\n%s", args[0], err, out)
		}
	}

	host := startRegistry(t, registry.WithReferrersSupport(true))

	if err := Attest(ctx, target, statement(t, target), provenance.PredicateType, key); err != nil {
		t.Fatal(err)
	}

	if _, err := Push(ctx, target, host+"/ours/installer:v1", Options{}); err != nil {
		t.Fatal(err)
	}

	run("verify-attestation", "--key", "cosign.pub", "--type", "slsaprovenance1", "--insecure-ignore-tlog=true",
		"--allow-http-registry=true", host+"/ours/installer:v1")

	theirs, err := Push(ctx, open(t, imageLayout(t)), host+"/theirs/installer:v1", Options{})
	if err != nil {
		t.Fatal(err)
	}

	run("attest", "--key", "cosign.key", "--type", "slsaprovenance1", "--predicate", "predicate.json", "--tlog-upload=false",
		"--yes", "--allow-http-registry=true", host+"/theirs/installer@"+theirs.Digest().String())

	got, err := Statements(ctx, theirs, key.Public())
	if err != nil || len(got) != 1 || !got[0].Signed || got[0].PredicateType() != provenance.PredicateType {
		t.Errorf("cosign's attestation: %+v, %v", got, err)
	}
}
