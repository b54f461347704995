package policy

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/schemas/document"
)

// What the head of a document says.
const (
	APIVersion = "v1alpha1"
	Kind       = "ImageVerificationConfig"
)

// Policy is a verification policy.
type Policy struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	// Rules are tried in order; the first one that matches decides.
	Rules []Rule `yaml:"rules,omitempty"`
}

// Rule is for the images whose repository its pattern matches. Exactly one of
// Skip, Deny, Keyless and PublicKey says what becomes of them.
type Rule struct {
	// Image is the pattern, such as registry.example.com/akmon/*.
	Image string `yaml:"image"`
	// Skip accepts images unverified, Deny refuses them.
	Skip bool `yaml:"skip,omitempty"`
	Deny bool `yaml:"deny,omitempty"`
	// Keyless wants a signature by an identity, PublicKey one by a key.
	Keyless   *Keyless   `yaml:"keyless,omitempty"`
	PublicKey *PublicKey `yaml:"publicKey,omitempty"`
}

// Keyless is an identity that an authority has confirmed: the OIDC issuer and
// who that says it was, exactly or by a regular expression.
type Keyless struct {
	Issuer       string `yaml:"issuer"`
	Subject      string `yaml:"subject,omitempty"`
	SubjectRegex string `yaml:"subjectRegex,omitempty"`
}

// PublicKey is one or more keys.
type PublicKey struct {
	// Certificate is PEM: public keys (PKIX) or certificates, whose keys
	// count, not their dates or issuers.
	Certificate string `yaml:"certificate"`
}

// Load reads a policy from data, which came from file (a name for errors).
// All findings are reported together with their positions.
func Load(file string, data []byte) (*Policy, error) {
	roots, err := document.Parse(file, data)
	if err != nil {
		return nil, err
	}

	if len(roots) != 1 {
		return nil, document.Errors{document.At(file, data, nil, "a policy is one YAML document, there are %d", len(roots))}
	}

	p := &Policy{}
	if err := document.DecodeNode(file, data, roots[0], p); err != nil {
		return nil, err
	}

	c := checker{file: file, data: data, root: roots[0]}
	c.policy(p)

	if err := c.errs.OrNil(); err != nil {
		return nil, err
	}

	return p, nil
}

// checker finds what the types allow and the document must not have.
type checker struct {
	file string
	data []byte
	root *yaml.Node
	errs document.Errors
}

func (c *checker) fail(n *yaml.Node, format string, args ...any) {
	c.errs = append(c.errs, document.At(c.file, c.data, n, format, args...))
}

func (c *checker) policy(p *Policy) {
	if p.APIVersion != APIVersion {
		c.fail(at(c.root, "apiVersion"), "apiVersion is %q, this is %s", p.APIVersion, APIVersion)
	}

	if p.Kind != Kind {
		c.fail(at(c.root, "kind"), "kind is %q, a policy is of kind %s", p.Kind, Kind)
	}

	rules := at(c.root, "rules")
	for i := range p.Rules {
		n := rules
		if rules.Kind == yaml.SequenceNode && i < len(rules.Content) {
			n = rules.Content[i]
		}

		c.rule(n, &p.Rules[i])
	}
}

func (c *checker) rule(n *yaml.Node, r *Rule) {
	if r.Image == "" {
		c.fail(n, "the rule has no image")
	}

	verdicts := 0
	for _, given := range []bool{r.Skip, r.Deny, r.Keyless != nil, r.PublicKey != nil} {
		if given {
			verdicts++
		}
	}

	if verdicts != 1 {
		c.fail(n, "a rule has one of publicKey, keyless, skip and deny, this one has %d", verdicts)
	}

	if r.PublicKey != nil {
		if _, err := r.PublicKey.Keys(); err != nil {
			c.fail(at(at(n, "publicKey"), "certificate"), "%v", err)
		}
	}

	if k := r.Keyless; k != nil {
		place := at(n, "keyless")

		if k.Issuer == "" {
			c.fail(place, "keyless has no issuer")
		}

		if (k.Subject == "") == (k.SubjectRegex == "") {
			c.fail(place, "keyless has either a subject or a subjectRegex")
		}

		if _, err := regexp.Compile(k.SubjectRegex); err != nil {
			c.fail(at(place, "subjectRegex"), "%v", err)
		}
	}
}

// at is the value of a key, or the node itself if it has none.
func at(n *yaml.Node, key string) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}

	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}

	return n
}

// Keys are the keys of the PEM text; at least one.
func (k *PublicKey) Keys() ([]crypto.PublicKey, error) {
	var keys []crypto.PublicKey

	rest := []byte(k.Certificate)

	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}

		switch block.Type {
		case "PUBLIC KEY":
			key, err := x509.ParsePKIXPublicKey(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("read a public key: %w", err)
			}

			keys = append(keys, key)
		case "CERTIFICATE":
			certificate, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("read a certificate: %w", err)
			}

			keys = append(keys, certificate.PublicKey)
		default:
			return nil, fmt.Errorf("the PEM block %q is neither a public key nor a certificate", block.Type)
		}
	}

	if trailing := strings.TrimSpace(string(rest)); trailing != "" {
		return nil, fmt.Errorf("this is not PEM: %.20q", trailing)
	}

	if len(keys) == 0 {
		return nil, fmt.Errorf("there is no public key")
	}

	return keys, nil
}

// Find gives the rule for a repository, and its number, counted from 1. The
// repository is registry and path, such as docker.io/library/alpine; without a
// registry it is Docker Hub's. nil means that no rule matches.
func (p *Policy) Find(repository string) (rule *Rule, number int) {
	name := Normalize(repository)

	for i := range p.Rules {
		if matches(canonicalHost(p.Rules[i].Image), name) {
			return &p.Rules[i], i + 1
		}
	}

	return nil, 0
}

// dockerHub is what the names of Docker Hub become.
const dockerHub = "docker.io"

// canonicalHost gives Docker Hub one name.
func canonicalHost(name string) string {
	host, path, ok := strings.Cut(name, "/")

	switch host {
	case "index.docker.io", "registry-1.docker.io":
		host = dockerHub
	}

	if !ok {
		return host
	}

	return host + "/" + path
}

// Normalize gives a repository the name that patterns are compared with.
func Normalize(repository string) string {
	name := canonicalHost(repository)

	// A first part without dot and colon is not a registry.
	host, path, ok := strings.Cut(name, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		host, path = dockerHub, name
	}

	if host == dockerHub && !strings.Contains(path, "/") {
		path = "library/" + path
	}

	return host + "/" + path
}

// matches compares a name with a pattern in which * is anything.
func matches(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}

	if !strings.HasPrefix(name, parts[0]) {
		return false
	}

	name = name[len(parts[0]):]

	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}

		name = name[i+len(part):]
	}

	return strings.HasSuffix(name, parts[len(parts)-1])
}
