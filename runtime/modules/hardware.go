package modules

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Devices is where the kernel shows all devices.
const Devices = "/sys/devices"

// Hardware lists the aliases of all devices below dir, sorted and without
// repeats. Devices come and go: what can't be read is left out.
func Hardware(dir string) []string {
	var out []string

	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error { //nolint:errcheck // never fails
		if err != nil {
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}

			return nil
		}

		if d.Name() != "modalias" || !d.Type().IsRegular() {
			return nil
		}

		if data, err := os.ReadFile(path); err == nil {
			if alias := strings.TrimSpace(string(data)); alias != "" {
				out = append(out, alias)
			}
		}

		return nil
	})

	slices.Sort(out)

	return slices.Compact(out)
}
