package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/akmon-os/akmon/media/extent"
)

// All is every part; nil where one was never measured.
type All struct {
	NoOp     *NoOp
	Compiler *Compiler
	ISO      *ISO
	Machine  *Machine
	Cold     Colds
}

func (a *All) parts() map[string]any {
	return map[string]any{
		"noop.json": &a.NoOp, "compile.json": &a.Compiler, "iso.json": &a.ISO, "machine.json": &a.Machine, "cold.json": &a.Cold,
	}
}

// Load reads the parts that are in the directory. Keys that this version does
// not know are errors: a page made from half of the numbers would mislead.
func Load(dir string) (*All, error) {
	var a All

	for name, part := range a.parts() {
		file := filepath.Join(dir, name)

		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("read results: %w", err)
		}

		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.DisallowUnknownFields()

		if err := decoder.Decode(part); err != nil {
			return nil, fmt.Errorf("read results: %s: %w; delete it and measure again", file, err)
		}
	}

	return &a, nil
}

// Save writes one part (a *NoOp, *Compiler, *ISO, *Machine or Colds) into the directory,
// which it makes.
func Save(dir string, part any) error {
	var name string

	switch part.(type) {
	case *NoOp:
		name = "noop.json"
	case *Compiler:
		name = "compile.json"
	case *ISO:
		name = "iso.json"
	case *Machine:
		name = "machine.json"
	case Colds:
		name = "cold.json"
	default:
		return fmt.Errorf("%T is not a part of the results", part)
	}

	data, err := json.MarshalIndent(part, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}

	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the directory of results: %w", err)
	}

	return extent.WriteFileAtomic(filepath.Join(dir, name), extent.FromBytes(append(data, '\n')), 0o644)
}
