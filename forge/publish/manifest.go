package publish

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// header holds the fields of a manifest or index that matter here.
type header struct {
	MediaType    types.MediaType   `json:"mediaType"`
	ArtifactType string            `json:"artifactType"`
	Config       *v1.Descriptor    `json:"config"`
	Layers       []v1.Descriptor   `json:"layers"`
	Manifests    []v1.Descriptor   `json:"manifests"`
	Subject      *v1.Descriptor    `json:"subject"`
	Annotations  map[string]string `json:"annotations"`
}

func parseHeader(raw []byte) (header, error) {
	var h header
	if err := json.Unmarshal(raw, &h); err != nil {
		return header{}, fmt.Errorf("parse manifest: %w", err)
	}

	return h, nil
}

func subjectOf(raw []byte) *v1.Descriptor {
	h, err := parseHeader(raw)
	if err != nil {
		return nil
	}

	return h.Subject
}

// artifactTypeOf follows the distribution-spec: the manifest's own field, else
// the media type of its config.
func artifactTypeOf(raw []byte) string {
	h, err := parseHeader(raw)
	if err != nil || h.ArtifactType != "" || h.Config == nil {
		return h.ArtifactType
	}

	return string(h.Config.MediaType)
}

func mediaTypeOf(raw []byte) types.MediaType {
	h, err := parseHeader(raw)

	switch {
	case err != nil || h.MediaType != "":
		return h.MediaType
	case h.Manifests != nil:
		return types.OCIImageIndex
	default:
		return types.OCIManifestSchema1
	}
}

func childrenOf(raw []byte) ([]v1.Descriptor, error) {
	h, err := parseHeader(raw)

	return h.Manifests, err
}

// readManifest reads a manifest and checks it against desc. A ChangedError
// calls it what.
func readManifest(ctx context.Context, s store, desc v1.Descriptor, what string) ([]byte, error) {
	raw, err := s.manifest(ctx, desc.Digest)
	if err != nil {
		return nil, err
	}

	check := newChecker(what, desc.Digest, desc.Size)
	check.add(raw)

	if err := check.result(); err != nil {
		return nil, err
	}

	if own := mediaTypeOf(raw); desc.MediaType != "" && own != desc.MediaType {
		return nil, &ChangedError{
			What: what, Want: desc.Digest,
			Got: fmt.Sprintf("media type %s under a descriptor that says %s", own, desc.MediaType),
		}
	}

	return raw, nil
}

// checker hashes what is written to it and compares digest and size in the
// end. A negative size is not compared.
type checker struct {
	what string
	want v1.Hash
	size int64
	hash hash.Hash
	n    int64
}

func newChecker(what string, want v1.Hash, size int64) *checker {
	return &checker{what: what, want: want, size: size, hash: sha256.New()}
}

// Write never fails.
func (c *checker) Write(p []byte) (int, error) {
	c.add(p)

	return len(p), nil
}

func (c *checker) add(p []byte) {
	c.n += int64(len(p))
	c.hash.Write(p) // a hash never fails
}

func (c *checker) result() error {
	if c.want.Algorithm != "sha256" {
		return fmt.Errorf("%s %s: digest algorithm %q is not supported", c.what, c.want, c.want.Algorithm)
	}

	got := hex.EncodeToString(c.hash.Sum(nil))

	switch {
	case got != c.want.Hex:
		return &ChangedError{What: c.what, Want: c.want, Got: "sha256:" + got}
	case c.size >= 0 && c.n != c.size:
		return &ChangedError{
			What: c.what, Want: c.want,
			Got: fmt.Sprintf("%d bytes under a descriptor that says %d", c.n, c.size),
		}
	}

	return nil
}

// digestOf is the SHA-256 of data as a digest.
func digestOf(data []byte) v1.Hash {
	sum, _, err := v1.SHA256(bytes.NewReader(data))
	if err != nil { // a bytes.Reader does not fail
		return v1.Hash{}
	}

	return sum
}
