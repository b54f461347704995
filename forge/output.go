package forge

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/schemas/document"
)

// Output is one form in which every target is written.
type Output struct {
	// Type is the form.
	Type engine.ExportType
	// Dest is the directory in which each target gets an entry of its name:
	// a directory, or a file with the ending .tar.
	Dest string
	// Ref is where to push, for type registry. {target} in it stands for
	// the target's name.
	Ref string
	// Insecure allows plain HTTP and unverified TLS when pushing.
	Insecure bool
}

// outputTypes are the words that the command line has for forms.
var outputTypes = map[string]engine.ExportType{
	"oci":      engine.OCILayout,
	"oci-tar":  engine.OCITar,
	"docker":   engine.DockerTar,
	"local":    engine.LocalDir,
	"registry": engine.Registry,
}

// ParseOutput reads an output from a command line: type=oci,dest=DIR.
func ParseOutput(text string) (Output, error) {
	o := Output{Dest: "_out"}

	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return o, fmt.Errorf("output %q: %w", text, err)
	}

	known := []string{"type", "dest", "ref", "insecure"}

	for _, field := range fields {
		key, value, _ := strings.Cut(field, "=")

		switch key {
		case "type":
			var ok bool
			if o.Type, ok = outputTypes[value]; !ok {
				return o, fmt.Errorf("output %q: type %q is not oci, oci-tar, docker, local or registry", text, value)
			}
		case "dest":
			o.Dest = value
		case "ref":
			o.Ref = value
		case "insecure":
			o.Insecure = value == "true" || value == ""
		default:
			return o, fmt.Errorf("output %q: unknown attribute %q; %s", text, key, hintOr(document.Suggest(key, known), known))
		}
	}

	switch {
	case o.Type == "":
		return o, fmt.Errorf("output %q has no type; write type=oci,dest=_out", text)
	case o.Type == engine.Registry && o.Ref == "":
		return o, fmt.Errorf("output %q has no ref; write type=registry,ref=registry.example.com/akmon/{target}:v1", text)
	case o.Type != engine.Registry && o.Ref != "":
		return o, fmt.Errorf("output %q: ref is for type=registry", text)
	}

	return o, nil
}

func hintOr(hint string, known []string) string {
	if hint != "" {
		return hint
	}

	return "there are " + strings.Join(known, ", ")
}

// Path is where a target is written; the reference for a registry.
func (o Output) Path(target string) string {
	switch o.Type {
	case engine.Registry:
		return strings.ReplaceAll(o.Ref, "{target}", target)
	case engine.OCITar, engine.DockerTar:
		return filepath.Join(o.Dest, target+".tar")
	default:
		return filepath.Join(o.Dest, target)
	}
}

// signed tells whether the form can hold signatures and an SBOM.
func (o Output) signed() bool { return o.Type == engine.OCILayout || o.Type == engine.Registry }

// address is what publish.Open calls the target.
func (o Output) address(target string) string {
	if o.Type == engine.OCILayout {
		return "oci:" + o.Path(target)
	}

	return o.Path(target)
}

// export is the output in the engine's terms. tag names the image in forms
// that keep names.
func (o Output) export(target, tag string) (engine.Export, error) {
	e := engine.Export{Type: o.Type, Insecure: o.Insecure}

	switch o.Type {
	case engine.Registry:
		e.Names = []string{o.Path(target)}

		return e, nil
	case engine.DockerTar, engine.OCITar:
		e.Names = []string{"akmon.local/" + target + ":" + tag}
	}

	e.Path = o.Path(target)

	if err := os.MkdirAll(filepath.Dir(e.Path), 0o755); err != nil {
		return e, fmt.Errorf("make the output's directory: %w", err)
	}

	return e, nil
}

// checkSigning refuses a key for outputs that can't hold a signature.
func checkSigning(outputs []Output, key string) error {
	if key != "" && !slices.ContainsFunc(outputs, Output.signed) {
		return fmt.Errorf("--key signs images in an OCI layout or a registry; add -o type=oci or -o type=registry")
	}

	return nil
}
