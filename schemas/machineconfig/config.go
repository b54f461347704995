package machineconfig

import (
	"bytes"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/machineconfig/documents"
	"github.com/akmon-os/akmon/schemas/machineconfig/v1alpha1"
)

// MaxSize bounds a configuration, in bytes.
const MaxSize = 4 << 20

// Config is a machine configuration. It is not changed by its methods and is
// safe for concurrent reading.
type Config struct {
	// Document is the main document; its Version is empty when there is none.
	v1alpha1.Document
	// Documents are the further documents, in the order of the text.
	Documents []documents.Document

	source source
}

// source is the text that a configuration was decoded from, and where in it
// each document begins.
type source struct {
	file string
	data []byte
	main *yaml.Node
	docs []*yaml.Node // parallel to Config.Documents
}

// Decode reads a configuration from data; file is its name in messages. The
// error is a [document.Errors] with every finding. Warnings name the keys that
// have no effect, in the order of the text.
func Decode(file string, data []byte) (*Config, []Warning, error) {
	if len(data) > MaxSize {
		return nil, nil, document.Errors{{File: file, Message: fmt.Sprintf("a configuration has at most %d bytes, this one has %d", MaxSize, len(data))}}
	}

	roots, err := document.Parse(file, data)
	if err != nil {
		return nil, nil, err
	}

	d := decoder{config: &Config{source: source{file: file, data: slices.Clone(data)}}, names: map[string]int{}}

	for _, root := range roots {
		if len(d.errs) >= document.MaxFindings {
			break
		}

		d.document(root)
	}

	if len(roots) == 0 {
		d.fail(nil, "", "there is no configuration in it")
	}

	if err := d.errs.OrNil(); err != nil {
		return nil, nil, redact(d.errs)
	}

	return d.config, warnings(d.config), nil
}

type decoder struct {
	config *Config
	names  map[string]int // kind/name → line
	errs   document.Errors
}

func (d *decoder) fail(n *yaml.Node, hint, format string, args ...any) {
	e := document.At(d.config.source.file, d.config.source.data, n, format, args...)
	e.Hint = hint
	d.errs = append(d.errs, e)
}

func (d *decoder) document(root *yaml.Node) {
	src := &d.config.source

	if root.Kind != yaml.MappingNode {
		d.fail(root, "", "a configuration document is a mapping")

		return
	}

	kindKey, kind := lookup(root, "kind")
	_, apiVersion := lookup(root, "apiVersion")

	if kindKey == nil && apiVersion == nil {
		if src.main != nil {
			d.fail(root, "", "there is a second main document, the first is in line %d", src.main.Line)

			return
		}

		src.main = root
		d.decode(root, &d.config.Document)

		return
	}

	if kindKey == nil {
		d.fail(root, "", "a document with an apiVersion needs a kind")

		return
	}

	doc, ok := documents.New(kind.Value)
	if !ok {
		d.fail(kind, document.Suggest(kind.Value, documents.Kinds()), "unknown kind of document %q", kind.Value)

		return
	}

	if apiVersion == nil || apiVersion.Value != documents.APIVersion {
		at := apiVersion
		if at == nil {
			at = root
		}

		d.fail(at, "", "apiVersion of a %s must be %s", kind.Value, documents.APIVersion)
	}

	d.decode(root, doc)

	id := doc.DocumentKind() + "/" + doc.DocumentName()
	if line, again := d.names[id]; again {
		d.fail(root, "", "there is a second %s %s, the first is in line %d", doc.DocumentKind(), doc.DocumentName(), line)
	}

	d.names[id] = root.Line
	d.config.Documents = append(d.config.Documents, doc)
	src.docs = append(src.docs, root)
}

func (d *decoder) decode(root *yaml.Node, v any) {
	err := document.DecodeNode(d.config.source.file, d.config.source.data, root, v)
	d.errs = append(d.errs, document.Join(d.config.source.file, err)...)
}

// lookup finds a key of a mapping, following aliases.
func lookup(n *yaml.Node, key string) (keyNode, value *yaml.Node) {
	n = resolve(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}

	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := resolve(n.Content[i]); k.Value == key && k.Kind == yaml.ScalarNode {
			return k, resolve(n.Content[i+1])
		}
	}

	return nil, nil
}

func resolve(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}

	return n
}

// Source is the text that the configuration was decoded from, nil when it
// was made in memory. The caller must not change it.
func (c *Config) Source() []byte { return c.source.data }

// HasMain says whether the configuration has the main document.
func (c *Config) HasMain() bool { return c.Version != "" || c.source.main != nil }

// Encode writes the configuration from its values, without comments: the main
// document first. The same values always give the same bytes.
func (c *Config) Encode() ([]byte, error) {
	var buf bytes.Buffer

	encoder := yaml.NewEncoder(&buf)

	if c.HasMain() {
		if err := encoder.Encode(&c.Document); err != nil {
			return nil, fmt.Errorf("encode the main document: %w", err)
		}
	}

	for _, doc := range c.Documents {
		if err := encoder.Encode(doc); err != nil {
			return nil, fmt.Errorf("encode %s %s: %w", doc.DocumentKind(), doc.DocumentName(), err)
		}
	}

	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("encode configuration: %w", err)
	}

	return buf.Bytes(), nil
}

// Bytes is Source, or Encode when there is none: what is kept on disk and
// sent over the wire.
func (c *Config) Bytes() ([]byte, error) {
	if c.source.data != nil {
		return c.source.data, nil
	}

	return c.Encode()
}

// Hostname is the name that the configuration gives to the node, from either
// of the two places for it; empty when it gives none.
func (c *Config) Hostname() string {
	for _, doc := range c.Documents {
		if h, ok := doc.(*documents.HostnameConfig); ok && h.Hostname != "" {
			return h.Hostname
		}
	}

	return c.Machine.Network.Hostname
}

// StableHostname says whether a node that nobody names gets a name made from
// its identity: what HostnameConfig's auto or the older feature flag say.
func (c *Config) StableHostname() bool {
	for _, doc := range c.Documents {
		if h, ok := doc.(*documents.HostnameConfig); ok && h.Auto != "" {
			return h.Auto == "stable"
		}
	}

	return v1alpha1.Bool(c.Machine.Features.StableHostname, false)
}
