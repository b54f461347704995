package provenance_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/akmon-os/akmon/forge/publish/provenance"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

const digest = "sha256:12c9dbbbcb1e2be7c1d0a1d4f4d3f4a6c2a9b8b1b5c4f7a6d8e9f0a1b2c3d4e5"

func statement() *provenance.Statement {
	s := provenance.New("installer", digest, "v0.1.0")
	d := &s.Predicate.BuildDefinition
	d.External = provenance.External{
		Target: "installer", Platforms: []string{"linux/amd64"}, Arguments: map[string]string{"PROFILE": "vm"}, Epoch: 1789430400,
	}
	d.Internal.Packages = []provenance.Package{
		{Name: "musl", Version: "1.2.5", Materials: []string{"https://musl.libc.org/musl-1.2.5.tar.gz"}},
		{Name: "installer", Version: "v0.1.0", Needs: []string{"musl"}},
	}
	d.Materials = []provenance.Resource{
		{
			Name: "tree", URI: "git+https://example.org/os.git@" + commit, Digest: map[string]string{"gitCommit": commit},
			Annotations: map[string]any{"modified": true},
		},
		{URI: "https://musl.libc.org/musl-1.2.5.tar.gz", Digest: map[string]string{"sha256": digest[7:]}},
	}

	return s
}

// in-toto's own library reads the statement and finds it valid.
func TestInTotoAgrees(t *testing.T) {
	data, err := statement().Marshal()
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

	var parts struct{ Predicate json.RawMessage }
	if err := json.Unmarshal(data, &parts); err != nil {
		t.Fatal(err)
	}

	var predicate slsa.Provenance
	if err := protojson.Unmarshal(parts.Predicate, &predicate); err != nil {
		t.Fatal(err)
	}

	if err := predicate.Validate(); err != nil {
		t.Error(err)
	}
}

func TestParse(t *testing.T) {
	want := statement()

	data, err := want.Marshal()
	if err != nil {
		t.Fatal(err)
	}

	got, err := provenance.Parse(data)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	if id, modified := got.Commit(); id != commit || !modified {
		t.Errorf("commit %s, modified %v", id, modified)
	}

	if !got.About(digest) || got.About("sha256:") || got.About("") {
		t.Error("it isn't told which image it is about")
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		``, `[]`, `{}`, `{"_type":"https://in-toto.io/Statement/v0.1"}`,
		`{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v0.2"}`,
		`{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1"}`,
		`{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1","subject":[{}]}`,
	} {
		if _, err := provenance.Parse([]byte(text)); !errors.Is(err, provenance.ErrInvalid) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	data, err := statement().Marshal()
	if err != nil {
		f.Fatal(err)
	}

	f.Add(data)

	f.Fuzz(func(_ *testing.T, data []byte) {
		if s, err := provenance.Parse(data); err == nil {
			s.About(digest)
			s.Commit()
		}
	})
}
