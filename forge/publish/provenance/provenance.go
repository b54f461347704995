// Package provenance says how an image came to be: from which tree, with which
// arguments, out of which materials. It writes and reads in-toto statements
// with SLSA provenance.
//
// The same build of the same tree gives the same bytes: there are no times and
// no random names in it. So it may be attached to an image whose digest does
// not depend on where and when it was built, again and again.
//
// Sources: in-toto attestation framework, spec/v1 (statement.md,
// resource_descriptor.md); SLSA v1.0, "Provenance" (slsa.dev/provenance/v1).
package provenance

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// The types that a statement names.
const (
	StatementType = "https://in-toto.io/Statement/v1"
	PredicateType = "https://slsa.dev/provenance/v1"
	// BuildType says what the parameters mean: docs/supply-chain.md.
	BuildType = "https://github.com/akmon-os/akmon/docs/supply-chain.md#provenance"
	// Builder is who built: this program, wherever it ran.
	Builder = "https://github.com/akmon-os/akmon"
)

// ErrInvalid means that bytes are not a provenance statement.
var ErrInvalid = errors.New("not a valid provenance statement")

// Statement is an in-toto statement with SLSA provenance.
type Statement struct {
	Type          string     `json:"_type"`
	Subject       []Resource `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     Predicate  `json:"predicate"`
}

// Resource is in-toto's resource descriptor. It has a name or an address, and
// digests by algorithm (sha256, sha512, gitCommit) in hexadecimal.
type Resource struct {
	Name        string            `json:"name,omitempty"`
	URI         string            `json:"uri,omitempty"`
	Digest      map[string]string `json:"digest,omitempty"`
	Annotations map[string]any    `json:"annotations,omitempty"`
}

// Predicate is SLSA provenance v1.
type Predicate struct {
	BuildDefinition BuildDefinition `json:"buildDefinition"`
	RunDetails      RunDetails      `json:"runDetails"`
}

// BuildDefinition is all that went in.
type BuildDefinition struct {
	BuildType string     `json:"buildType"`
	External  External   `json:"externalParameters"`
	Internal  Internal   `json:"internalParameters"`
	Materials []Resource `json:"resolvedDependencies,omitempty"`
}

// External is what the one who built has chosen.
type External struct {
	// Target is the package that became the image.
	Target string `json:"target"`
	// Platforms are what it was built for, such as linux/amd64.
	Platforms []string `json:"platforms"`
	// Arguments are the build arguments (--set).
	Arguments map[string]string `json:"arguments,omitempty"`
	// Epoch is SOURCE_DATE_EPOCH, in seconds since 1970.
	Epoch int64 `json:"sourceDateEpoch"`
}

// Internal is what the tree has made of that: the whole graph.
type Internal struct {
	// Packages are those that the target needs, and itself: what is needed
	// comes before what needs it.
	Packages []Package `json:"packages"`
}

// Package is a node of the graph.
type Package struct {
	Name    string `json:"name"` // with its platform where that is not the target's
	Version string `json:"version,omitempty"`
	// Needs are the names of packages.
	Needs []string `json:"needs,omitempty"`
	// Materials are the names or addresses of materials.
	Materials []string `json:"materials,omitempty"`
}

// RunDetails is who has built.
type RunDetails struct {
	Builder struct {
		ID      string            `json:"id"`
		Version map[string]string `json:"version,omitempty"`
	} `json:"builder"`
}

// New begins a statement about an image: its name and digest ("sha256:<hex>").
func New(name, digest, version string) *Statement {
	s := &Statement{
		Type: StatementType, PredicateType: PredicateType,
		Subject: []Resource{{Name: name, Digest: map[string]string{"sha256": strings.TrimPrefix(digest, "sha256:")}}},
	}
	s.Predicate.BuildDefinition.BuildType = BuildType
	s.Predicate.RunDetails.Builder.ID = Builder

	if version != "" {
		s.Predicate.RunDetails.Builder.Version = map[string]string{"akmon": version}
	}

	return s
}

// Marshal writes the statement as compact JSON.
func (s *Statement) Marshal() ([]byte, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("write provenance: %w", err)
	}

	return data, nil
}

// Parse reads a statement. Parameters of builds by others than Akmon are
// understood as far as they have the same names. Errors are ErrInvalid.
func Parse(data []byte) (*Statement, error) {
	var s Statement
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}

	switch {
	case s.Type != StatementType:
		return nil, fmt.Errorf("%w: its type is %q", ErrInvalid, s.Type)
	case s.PredicateType != PredicateType:
		return nil, fmt.Errorf("%w: it is about %q", ErrInvalid, s.PredicateType)
	case len(s.Subject) == 0:
		return nil, fmt.Errorf("%w: it has no subject", ErrInvalid)
	case s.Predicate.RunDetails.Builder.ID == "":
		return nil, fmt.Errorf("%w: it names no builder", ErrInvalid)
	}

	return &s, nil
}

// About tells whether the statement is about the image with this digest
// ("sha256:<hex>").
func (s *Statement) About(digest string) bool {
	for _, subject := range s.Subject {
		if "sha256:"+subject.Digest["sha256"] == digest {
			return true
		}
	}

	return false
}

// Commit is the Git commit of the tree, and whether files differed from it; ""
// if the tree was in no repository.
func (s *Statement) Commit() (commit string, modified bool) {
	for _, m := range s.Predicate.BuildDefinition.Materials {
		if commit := m.Digest["gitCommit"]; commit != "" {
			modified, _ := m.Annotations["modified"].(bool)

			return commit, modified
		}
	}

	return "", false
}
