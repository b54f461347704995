// Package pins reads and writes akmon.lock.yaml, the file at the root of a
// tree that fixes what its recipes leave open: which digest the tag of a base
// image means.
//
//	# Written by "akmon lock". Do not edit.
//	format: v1alpha1
//	images:
//	  - ref: docker.io/library/alpine:3.22
//	    digest: sha256:…
//
// References are in full, sorted, each once; the same pins give the same
// bytes. The Debian packages of a bootstrap userland have lock files of their
// own, beside their wishes (package bootstrap).
package pins

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/image"
	"github.com/akmon-os/akmon/schemas/document"
)

// FileName is the file's name at the root of a tree, Format its version.
const (
	FileName = "akmon.lock.yaml"
	Format   = "v1alpha1"
)

// Pins are what a tree's recipes leave open, fixed. It may be read from
// several goroutines while nobody changes it.
type Pins struct {
	// Images is the digest, sha256:…, of each full reference with a tag.
	Images map[string]string
}

type pinsYAML struct {
	Format string      `yaml:"format"`
	Images []imageYAML `yaml:"images,omitempty"`
}

type imageYAML struct {
	Ref    yaml.Node `yaml:"ref"`
	Digest yaml.Node `yaml:"digest"`
}

// Load reads the pins of the tree in dir, and nothing outside of it. A tree
// without the file has none.
func Load(dir string) (*Pins, error) {
	data, err := read(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return &Pins{Images: map[string]string{}}, nil
	}

	if err != nil {
		return nil, fmt.Errorf("read the tree's lock: %w", err)
	}

	return Parse(filepath.Join(dir, FileName), data)
}

func read(dir string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}

	defer root.Close() //nolint:errcheck // only read

	return root.ReadFile(FileName)
}

// Parse reads an akmon.lock.yaml; file is its name in messages. The error is a
// document.Errors with every finding.
func Parse(file string, data []byte) (*Pins, error) {
	var parsed pinsYAML
	if err := document.Decode(file, data, &parsed); err != nil {
		return nil, err
	}

	if parsed.Format != Format {
		return nil, document.Errors{document.At(file, data, nil, "format is %q, this program knows %s", parsed.Format, Format)}
	}

	var (
		errs document.Errors
		pins = &Pins{Images: map[string]string{}}
	)

	for i := range parsed.Images {
		entry := &parsed.Images[i]

		ref, err := image.Parse(entry.Ref.Value)

		switch _, twice := pins.Images[entry.Ref.Value]; {
		case entry.Ref.Value == "" || entry.Digest.Value == "":
			errs = append(errs, document.At(file, data, place(entry), "image %d has no ref or no digest; write the file anew with `akmon lock`", i+1))
		case err != nil:
			errs = append(errs, document.At(file, data, &entry.Ref, "%v", err))
		case ref.Digest() != "" || ref.String() != entry.Ref.Value:
			errs = append(errs, document.At(file, data, &entry.Ref, "%q is not a full reference with a tag, such as %s", entry.Ref.Value, ref))
		case twice:
			errs = append(errs, document.At(file, data, &entry.Ref, "%s is pinned twice", entry.Ref.Value))
		default:
			if d := digest.Digest(entry.Digest.Value); d.Validate() != nil || d.Algorithm() != digest.SHA256 {
				errs = append(errs, document.At(file, data, &entry.Digest, "%q is not a digest of the form sha256:…", entry.Digest.Value))

				continue
			}

			pins.Images[entry.Ref.Value] = entry.Digest.Value
		}
	}

	if err := errs.OrNil(); err != nil {
		return nil, err
	}

	return pins, nil
}

// place is whatever there is of an incomplete entry.
func place(entry *imageYAML) *yaml.Node {
	if entry.Ref.Line > 0 {
		return &entry.Ref
	}

	return &entry.Digest
}

// Image gives a reference the digest that it is pinned to. One that has a
// digest stays as it is; pinned tells whether the result has one.
func (p *Pins) Image(ref image.Reference) (_ image.Reference, pinned bool) {
	if ref.Digest() != "" {
		return ref, true
	}

	if digest, ok := p.Images[ref.String()]; ok {
		return ref.Pinned(digest), true
	}

	return ref, false
}

// Encode returns the pins as a file's contents.
func (p *Pins) Encode() ([]byte, error) {
	out := pinsYAML{Format: Format}

	for ref, digest := range p.Images {
		out.Images = append(out.Images, imageYAML{Ref: scalar(ref), Digest: scalar(digest)})
	}

	slices.SortFunc(out.Images, func(a, b imageYAML) int { return strings.Compare(a.Ref.Value, b.Ref.Value) })

	var text bytes.Buffer

	text.WriteString("# Written by \"akmon lock\". Do not edit.\n")

	enc := yaml.NewEncoder(&text)
	enc.SetIndent(2)

	if err := enc.Encode(out); err != nil {
		return nil, fmt.Errorf("encode the tree's lock: %w", err)
	}

	return text.Bytes(), nil
}

func scalar(text string) yaml.Node { return yaml.Node{Kind: yaml.ScalarNode, Value: text} }

// Save writes the pins of the tree in dir, whole or not at all, and tells
// whether that changed the file. Pins of nothing need no file: an existing one
// stays, so that it can be seen that it is empty.
func (p *Pins) Save(dir string) (changed bool, err error) {
	path := filepath.Join(dir, FileName)

	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("read the tree's lock: %w", err)
	}

	if before == nil && len(p.Images) == 0 {
		return false, nil
	}

	after, err := p.Encode()
	if err != nil || bytes.Equal(before, after) {
		return false, err
	}

	if err := source.WriteFile(path, after); err != nil {
		return false, fmt.Errorf("write the tree's lock: %w", err)
	}

	return true, nil
}
