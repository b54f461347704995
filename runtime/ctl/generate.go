package ctl

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/akmon-os/akmon/schemas/machineconfig/generate"
)

// generatedFiles maps output types to file names.
var generatedFiles = map[string]string{
	"controlplane": "controlplane.yaml",
	"worker":       "worker.yaml",
	"talosconfig":  "talosconfig",
}

// GeneratedFiles are the output types of GenerateConfig.
func GeneratedFiles() []string { return []string{"controlplane", "worker", "talosconfig"} }

// Output says where generated files go.
type Output struct {
	// Dir is a directory; with one type it may be a file, or - for Stdout.
	// Empty means the current directory.
	Dir string
	// Types are some of GeneratedFiles.
	Types []string
	// Force overwrites files that are there already.
	Force bool
	// Stdout gets what Dir - asks for, Stderr the names of files.
	Stdout, Stderr io.Writer
}

// GenerateConfig makes the configurations of a cluster and writes them: all of
// them, or none.
func GenerateConfig(in generate.Input, out Output) error {
	bundle, err := generate.Generate(in)
	if err != nil {
		return err
	}

	files := map[string][]byte{}

	for _, kind := range out.Types {
		var data []byte

		switch kind {
		case "controlplane":
			data, err = bundle.ControlPlane.Encode()
		case "worker":
			data, err = bundle.Worker.Encode()
		case "talosconfig":
			data, err = bundle.Client.Encode()
		default:
			return fmt.Errorf("there is no output type %q", kind)
		}

		if err != nil {
			return err
		}

		files[generatedFiles[kind]] = data
	}

	dir := out.Dir

	if len(files) == 1 && dir != "" {
		for name, data := range files {
			if dir == "-" {
				_, err := out.Stdout.Write(data)

				return err
			}

			if info, err := os.Stat(dir); err != nil || !info.IsDir() {
				delete(files, name)
				dir, files = filepath.Dir(dir), map[string][]byte{filepath.Base(dir): data}
			}
		}
	}

	if dir == "-" {
		return errors.New("only one output type at a time can go to standard output")
	}

	if err := WriteFiles(dir, files, out.Force); err != nil {
		return err
	}

	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(out.Stderr, "created %s\n", filepath.Join(dir, name)) //nolint:errcheck // there is nobody to tell
	}

	return nil
}

// WriteFiles writes files that hold secrets (mode 0600) into a directory,
// which is made when it is missing. Without force, a file that is there already
// stops it before anything is written. Each file appears whole or not at all.
func WriteFiles(dir string, files map[string][]byte, force bool) error {
	if dir == "" {
		dir = "."
	}

	names := slices.Sorted(maps.Keys(files))

	for _, name := range names {
		path := filepath.Join(dir, name)

		if _, err := os.Lstat(path); err == nil && !force {
			return fmt.Errorf("%s is there already: use --force to overwrite it", path)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look for an earlier file: %w", err)
		}
	}

	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the output directory: %w", err)
	}

	// All are written before the first is renamed, so that a full disk leaves nothing.
	temps := make([]string, 0, len(names))

	var err error

	for _, name := range names {
		var temp string
		if temp, err = writeTemp(dir, name, files[name]); err != nil {
			break
		}

		temps = append(temps, temp)
	}

	for i, temp := range temps {
		if err == nil {
			err = os.Rename(temp, filepath.Join(dir, names[i]))
		}

		if err != nil {
			err = errors.Join(err, os.Remove(temp))
		}
	}

	if err != nil {
		return fmt.Errorf("write files: %w", err)
	}

	return nil
}

func writeTemp(dir, name string, data []byte) (string, error) {
	temp, err := os.CreateTemp(dir, "."+name+".*") // mode 0600
	if err != nil {
		return "", err
	}

	_, err = temp.Write(data)
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}

	if err != nil {
		return "", errors.Join(err, os.Remove(temp.Name()))
	}

	return temp.Name(), nil
}
