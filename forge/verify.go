package forge

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"os"

	"github.com/akmon-os/akmon/forge/publish"
	"github.com/akmon-os/akmon/forge/publish/cosign"
	"github.com/akmon-os/akmon/forge/publish/provenance"
	"github.com/akmon-os/akmon/schemas/policy"
)

// VerifyOptions say who must have signed an image.
type VerifyOptions struct {
	publish.Options

	// Key is the file of a public key; Policy that of a verification policy.
	// One of them must be given.
	Key, Policy string
	// Name is the repository that a policy knows the image by; empty means the
	// one that it is in. One in a directory has none.
	Name string
}

// ErrPolicy means that a policy does not accept an image.
var ErrPolicy = errors.New("the policy does not accept the image")

// Verified is what is known of an image to be true.
type Verified struct {
	Digest string `json:"digest"`
	// Rule is the number of the rule of the policy that decided, from 1.
	Rule int `json:"rule,omitempty"`
	// Skipped tells that this rule asks for no signature: nothing but the
	// image's name was looked at.
	Skipped bool `json:"skipped,omitempty"`
	// Key is the fingerprint of the key that signed: SHA-256 of its PKIX form.
	Key         string       `json:"key,omitempty"`
	Attachments []Attachment `json:"attachments,omitempty"`
	// Provenance are the statements by the same key about this image.
	Provenance []*provenance.Statement `json:"provenance,omitempty"`
}

// Attachment is what is attached to an image.
type Attachment struct {
	Type   string `json:"type"`
	Digest string `json:"digest"`
	Signed bool   `json:"signed"`
}

// Verify checks the image that ref names, its every byte, and the provenance
// that is signed with it. Errors are those of [publish.Verify], ErrPolicy, or
// [provenance.ErrInvalid] for a signed statement that is wrong or about another
// image.
func Verify(ctx context.Context, ref string, o VerifyOptions) (*Verified, error) {
	accept, err := o.acceptance()
	if err != nil {
		return nil, err
	}

	target, err := publish.Open(ctx, ref, o.Options)
	if err != nil {
		return nil, err
	}

	result := &Verified{Digest: target.Digest().String()}

	keys, err := accept(target, result)
	if err != nil || result.Skipped {
		return result, err
	}

	for _, key := range keys {
		verified, tried := publish.Verify(ctx, target, key)
		if err = tried; errors.Is(err, publish.ErrWrongKey) {
			continue
		}

		if err != nil {
			return nil, err
		}

		return result, result.add(ctx, target, key, verified)
	}

	return nil, err
}

// acceptance gives the keys, one of which must have signed an image.
func (o VerifyOptions) acceptance() (func(*publish.Target, *Verified) ([]crypto.PublicKey, error), error) {
	if o.Policy == "" {
		key, err := readPublicKey(o.Key)

		return func(*publish.Target, *Verified) ([]crypto.PublicKey, error) { return []crypto.PublicKey{key}, nil }, err
	}

	data, err := os.ReadFile(o.Policy)
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}

	p, err := policy.Load(o.Policy, data)
	if err != nil {
		return nil, err
	}

	return func(t *publish.Target, result *Verified) ([]crypto.PublicKey, error) { return o.decide(p, t, result) }, nil
}

// decide finds the rule for an image.
func (o VerifyOptions) decide(p *policy.Policy, t *publish.Target, result *Verified) ([]crypto.PublicKey, error) {
	name := o.Name
	if name == "" {
		name = t.Repository()
	}

	if name == "" {
		return nil, fmt.Errorf("%w: %s has no name there; say the repository that it is for with --name", ErrPolicy, t)
	}

	rule, number := p.Find(name)
	if rule == nil {
		return nil, fmt.Errorf("%w: no rule of %s is about %s", ErrPolicy, o.Policy, policy.Normalize(name))
	}

	result.Rule = number

	switch {
	case rule.Deny:
		return nil, fmt.Errorf("%w: rule %d of %s denies %s", ErrPolicy, number, o.Policy, policy.Normalize(name))
	case rule.Skip:
		result.Skipped = true

		return nil, nil
	case rule.Keyless != nil:
		return nil, fmt.Errorf("%w: rule %d of %s wants a keyless signature by %s, and akmon checks only keys", ErrPolicy,
			number, o.Policy, rule.Keyless.Issuer)
	default:
		return rule.PublicKey.Keys()
	}
}

func readPublicKey(file string) (crypto.PublicKey, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}

	key, err := cosign.ParsePublicKey(data)
	if err != nil {
		return nil, fmt.Errorf("read public key %s: %w", file, err)
	}

	return key, nil
}

// add takes down what was found, and checks the provenance.
func (v *Verified) add(ctx context.Context, t *publish.Target, key crypto.PublicKey, found *publish.Verification) error {
	var err error
	if v.Key, err = cosign.Fingerprint(key); err != nil {
		return err
	}

	for _, a := range found.Attachments {
		v.Attachments = append(v.Attachments, Attachment{a.ArtifactType, a.Digest.String(), a.Signed})
	}

	statements, err := publish.Statements(ctx, t, key)
	if err != nil {
		return err
	}

	for _, a := range statements {
		if !a.Signed || a.PredicateType() != provenance.PredicateType {
			continue
		}

		s, err := provenance.Parse(a.Statement)
		if err != nil {
			return fmt.Errorf("verify the provenance of %s: %w", t, err)
		}

		if !s.About(v.Digest) {
			return fmt.Errorf("verify the provenance of %s: %w: it is about another image", t, provenance.ErrInvalid)
		}

		v.Provenance = append(v.Provenance, s)
	}

	return nil
}
