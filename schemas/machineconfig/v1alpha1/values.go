package v1alpha1

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Base64 is bytes that the document holds in standard base64 (RFC 4648,
// section 4), such as a PEM block.
type Base64 []byte

// UnmarshalYAML decodes the base64 text. Its error does not repeat the text,
// which may be a secret.
func (b *Base64) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return errors.New("expected base64 text")
	}

	decoded, err := base64.StdEncoding.DecodeString(n.Value)
	if err != nil {
		return errors.New("not valid base64")
	}

	*b = nil
	if len(decoded) > 0 {
		*b = decoded
	}

	return nil
}

// MarshalYAML gives the base64 text.
func (b Base64) MarshalYAML() (any, error) {
	return base64.StdEncoding.EncodeToString(b), nil
}

// CertificateAndKey is a PEM certificate and its PEM private key. Workers have
// the certificates of authorities without their keys.
type CertificateAndKey struct {
	Crt Base64 `yaml:"crt"`
	Key Base64 `yaml:"key"`
}

// Certificate is a PEM certificate.
type Certificate struct {
	Crt Base64 `yaml:"crt"`
}

// Key is a PEM private key.
type Key struct {
	Key Base64 `yaml:"key"`
}

// Arg is the value of a command-line flag: one text, or several when the flag
// is to be given several times.
type Arg []string

// UnmarshalYAML takes a single value or a list of them.
func (a *Arg) UnmarshalYAML(n *yaml.Node) error {
	switch n.Kind {
	case yaml.ScalarNode:
		*a = Arg{n.Value}
	case yaml.SequenceNode:
		values := make(Arg, 0, len(n.Content))

		for _, item := range n.Content {
			if item.Kind == yaml.AliasNode {
				item = item.Alias
			}

			if item.Kind != yaml.ScalarNode {
				return errors.New("expected a text or a list of texts")
			}

			values = append(values, item.Value)
		}

		*a = values
	default:
		return errors.New("expected a text or a list of texts")
	}

	return nil
}

// MarshalYAML gives a text for one value, else a list.
func (a Arg) MarshalYAML() (any, error) {
	if len(a) == 1 {
		return a[0], nil
	}

	return []string(a), nil
}

// Args are extra command-line flags by name, without the leading dashes.
type Args map[string]Arg

// FileMode is the permission bits of a file. The document writes them in
// octal, as 0o644 or 0644; a decimal number is taken as such.
type FileMode uint32

// UnmarshalYAML reads the number; bits beyond 07777 are refused.
func (m *FileMode) UnmarshalYAML(n *yaml.Node) error {
	bits, err := strconv.ParseUint(n.Value, 0, 32)
	if err != nil || n.Kind != yaml.ScalarNode {
		return fmt.Errorf("%q is not a file mode such as 0o644", n.Value)
	}

	if bits > 0o7777 {
		return fmt.Errorf("%#o has more than the permission bits 0o7777", bits)
	}

	*m = FileMode(bits)

	return nil
}

// MarshalYAML writes octal with the prefix that YAML 1.2 knows.
func (m FileMode) MarshalYAML() (any, error) {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: fmt.Sprintf("0o%o", uint32(m))}, nil
}

// Bool gives what a *bool of the document means: its value, or the default
// when the key is absent.
func Bool(b *bool, absent bool) bool {
	if b == nil {
		return absent
	}

	return *b
}
