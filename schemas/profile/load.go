package profile

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/schemas/document"
)

// source is the document that a profile was read from.
type source struct {
	file string
	data []byte
	root *yaml.Node
}

// Load reads one profile from data, which came from file (a name for errors;
// "-" reads as standard input). Unknown keys and names are errors, reported
// together with their positions.
func Load(file string, data []byte) (*Profile, error) {
	if file == "-" {
		file = "(standard input)"
	}

	roots, err := document.Parse(file, data)
	if err != nil {
		return nil, err
	}

	if len(roots) != 1 {
		return nil, document.Errors{document.At(file, data, nil, "a profile is one YAML document, there are %d", len(roots))}
	}

	src := source{file: file, data: data, root: roots[0]}
	p := &Profile{}

	if n := src.find("baseProfileName"); n != nil && n.Kind == yaml.ScalarNode && n.Value != "" {
		b, ok := Named(n.Value)
		if !ok {
			return nil, document.Errors{unknownBase(document.At(file, data, n, "%q is not a base profile", n.Value), n.Value)}
		}

		p = b
	}

	if err := document.DecodeNode(file, data, src.root, p); err != nil {
		return nil, err
	}

	p.source = src

	return p, p.validate().OrNil()
}

func unknownBase(e *document.Error, name string) *document.Error {
	e.Hint = document.Suggest(name, Names())
	if e.Hint == "" {
		e.Hint = "there are " + strings.Join(Names(), ", ")
	}

	return e
}

// Base returns the base profile with this name, or an error that suggests one.
func Base(name string) (*Profile, error) {
	if p, ok := Named(name); ok {
		return p, nil
	}

	e := unknownBase(&document.Error{Message: fmt.Sprintf("%q is not a base profile", name)}, name)

	return nil, fmt.Errorf("%s; %s", e.Message, e.Hint)
}

// Validate checks what a profile must have whatever the imager can do, and
// fills in an output format. Errors carry positions where the value stands in
// a document.
func (p *Profile) Validate() error { return p.validate().OrNil() }

func (p *Profile) validate() (errs document.Errors) {
	check := func(path, what, value string, allowed []string) {
		if value == "" {
			return
		}

		if err := oneOf(what, value, allowed); err != nil {
			errs = append(errs, p.At(path, "%v", err))
		}
	}

	check("arch", "an architecture", p.Arch, arches)
	check("platform", "a platform", p.Platform, Platforms())

	if p.Output.Kind == "" {
		e := p.At("output.kind", "the output kind is missing")
		e.Hint = "set output.kind or baseProfileName"
		errs = append(errs, e)
	}

	if p.Output.OutFormat == "" {
		p.Output.OutFormat = Raw
	}

	for i, a := range p.Customization.ExtraKernelArgs {
		if strings.ContainsAny(a, "\n\r\x00") {
			errs = append(errs, p.At(fmt.Sprintf("customization.extraKernelArgs.%d", i),
				"the kernel argument %q has a line break or zero byte in it", a))
		}
	}

	return errs
}

// Has tells whether the document itself has a value at path, such as
// "output.imageOptions" or "input.systemExtensions.0". A profile that was not
// read from a document has none.
func (p *Profile) Has(path string) bool { return p.source.find(path) != nil }

// At makes a finding about the value at path, with its position where the
// document has it (or the nearest key above it).
func (p *Profile) At(path, format string, args ...any) *document.Error {
	for at := path; at != ""; {
		if n := p.source.find(at); n != nil {
			return document.At(p.source.file, p.source.data, n, format, args...)
		}

		at = at[:max(0, strings.LastIndexByte(at, '.'))]
	}

	file := p.source.file
	if file == "" {
		file = "profile"
	}

	return document.At(file, p.source.data, nil, format, args...)
}

// find returns the node at a dotted path; numbers index sequences.
func (s *source) find(path string) *yaml.Node {
	n := s.root

	for _, part := range strings.Split(path, ".") {
		if n == nil {
			return nil
		}

		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}

		switch n.Kind {
		case yaml.MappingNode:
			var value *yaml.Node

			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == part {
					value = n.Content[i+1]
				}
			}

			n = value
		case yaml.SequenceNode:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(n.Content) {
				return nil
			}

			n = n.Content[i]
		default:
			return nil
		}
	}

	return n
}
