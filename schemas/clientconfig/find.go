package clientconfig

import (
	"fmt"
	"os"
	"path/filepath"
)

// serviceAccountPath is where a pod that may use the machine API finds its
// configuration ("Talos API access from Kubernetes").
const serviceAccountPath = "/var/run/secrets/talos.dev/config"

// Find gives the path of the client configuration, which may not be there yet:
//
//   - explicit, when it is not empty (--talosconfig);
//   - else $TALOSCONFIG, when it is set;
//   - else the first that exists of $XDG_CONFIG_HOME/talos/config.yaml,
//     $TALOS_HOME/config or $HOME/.talos/config, and
//     /var/run/secrets/talos.dev/config;
//   - else $HOME/.talos/config, where other clients look too.
//
// Empty variables, and an XDG_CONFIG_HOME or TALOS_HOME that is not absolute,
// count as unset (XDG Base Directory Specification 0.8).
func Find(explicit string) (string, error) {
	if explicit != "" {
		return explicit, nil
	}

	if path := os.Getenv("TALOSCONFIG"); path != "" {
		return path, nil
	}

	var candidates []string

	if dir := os.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		candidates = append(candidates, filepath.Join(dir, "talos", "config.yaml"))
	}

	dir := os.Getenv("TALOS_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the client configuration: %w", err)
		}

		dir = filepath.Join(home, ".talos")
	}

	standard := filepath.Join(dir, "config")

	for _, path := range append(candidates, standard, serviceAccountPath) {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}

	return standard, nil
}
