package image

import (
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Reference is a parsed image reference.
type Reference struct {
	name.Reference

	// plain: http is allowed though the host is not this machine.
	plain bool
}

// Parse reads a reference as Docker does: docker.io and the tag latest may be
// left out. With a tag and a digest, the digest decides.
func Parse(ref string) (Reference, error) {
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return Reference{}, fmt.Errorf("%q is not an image reference: %w", ref, err)
	}

	return Reference{Reference: parsed}, nil
}

// Digest is what the reference itself says, such as sha256:…; empty for a tag.
func (r Reference) Digest() string {
	if d, ok := r.Reference.(name.Digest); ok {
		return d.DigestStr()
	}

	return ""
}

// Pinned is the reference with a digest in the place of its tag.
func (r Reference) Pinned(digest string) Reference {
	return Reference{Reference: r.Context().Digest(digest), plain: r.plain}
}

// hub is Docker Hub's name in references, hubHost the registry's.
const (
	hub     = "docker.io"
	hubHost = "index.docker.io"
)

// String is the reference in full, as people write it: with docker.io rather
// than its registry's address.
func (r Reference) String() string {
	if rest, ok := strings.CutPrefix(r.Name(), hubHost+"/"); ok {
		return hub + "/" + rest
	}

	return r.Name()
}

// url is the repository's name as a URL, which mirror rules are applied to.
func (r Reference) url() string {
	host := r.Context().RegistryStr()
	if host == hubHost {
		host = hub
	}

	return "https://" + host + "/" + r.Context().RepositoryStr()
}

// at is the same image in the repository that a mirror's URL names.
func (r Reference) at(place string) (Reference, error) {
	var opts []name.Option

	rest, secure := strings.CutPrefix(place, "https://")
	if !secure {
		var plain bool
		if rest, plain = strings.CutPrefix(place, "http://"); !plain {
			return Reference{}, fmt.Errorf("%s is not a registry: https:// or http:// is wanted", place)
		}

		opts = append(opts, name.Insecure)
	}

	repo, err := name.NewRepository(strings.TrimSuffix(rest, "/"), opts...)
	if err != nil {
		return Reference{}, fmt.Errorf("mirror %s: %w", place, err)
	}

	moved := Reference{Reference: repo.Tag(r.Identifier()), plain: !secure}
	if r.Digest() != "" {
		moved.Reference = repo.Digest(r.Identifier())
	}

	return moved, nil
}

// endpoint is the base URL of the repository in the distribution API
// (distribution-spec v1.1).
func (r Reference) endpoint() string {
	return r.Context().Scheme() + "://" + r.Context().RegistryStr() + "/v2/" + r.Context().RepositoryStr()
}
