package mirror

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Proxy is one entry of GOPROXY.
type Proxy struct {
	URL string // without a slash at its end; "direct" or "off" for these words

	// AnyError tells that the next entry is tried after any error (a pipe
	// follows this one), not only when the proxy says that it lacks the file
	// (a comma, or nothing, follows).
	AnyError bool
}

// The entries of GOPROXY that are not URLs.
const (
	Direct = "direct" // ask the version control system
	Off    = "off"    // fetch nothing
)

// ParseGoProxy reads a GOPROXY list as "go help goproxy" documents it.
func ParseGoProxy(s string) ([]Proxy, error) {
	var proxies []Proxy

	for s != "" {
		entry, anyError := s, false

		if i := strings.IndexAny(s, ",|"); i >= 0 {
			entry, anyError, s = s[:i], s[i] == '|', s[i+1:]
		} else {
			s = ""
		}

		entry = strings.TrimSpace(entry)

		switch entry {
		case "":
			continue
		case Direct, Off:
			// What follows either is never reached.
			return append(proxies, Proxy{URL: entry}), nil
		}

		// Like the go command: a name without a scheme is taken as https.
		if !strings.Contains(entry, "://") {
			if filepath.IsAbs(entry) {
				return nil, fmt.Errorf("GOPROXY entry %q: a directory is written as a file:// URL", entry)
			}

			entry = "https://" + entry
		}

		if err := checkURL(entry, "https", "http", "file"); err != nil {
			return nil, fmt.Errorf("GOPROXY entry %q: %w", entry, err)
		}

		proxies = append(proxies, Proxy{URL: strings.TrimRight(entry, "/"), AnyError: anyError})
	}

	return proxies, nil
}

// GoEnv is the part of the go command's settings that fetching modules needs.
type GoEnv struct {
	Proxy    []Proxy
	NoProxy  string // patterns of modules for which no proxy is asked: GONOPROXY
	ModCache string // the module cache; may not exist
}

// LookupGoEnv asks the go command for its settings; without one, the
// environment and Go's own configuration file.
func LookupGoEnv() (GoEnv, error) {
	get := goEnvFallback

	if out, err := exec.Command("go", "env", "GOPROXY", "GONOPROXY", "GOMODCACHE").Output(); err == nil {
		if lines := strings.Split(string(out), "\n"); len(lines) >= 3 {
			values := map[string]string{"GOPROXY": lines[0], "GONOPROXY": lines[1], "GOMODCACHE": lines[2]}
			get = func(name string) string { return strings.TrimSpace(values[name]) }
		}
	}

	proxies, err := ParseGoProxy(get("GOPROXY"))

	return GoEnv{Proxy: proxies, NoProxy: get("GONOPROXY"), ModCache: get("GOMODCACHE")}, err
}

// goEnvFallback is what "go env" would say, without its built-in defaults for
// the proxy: which server to trust is not ours to say.
func goEnvFallback(name string) string {
	if value := lookupGoSetting(name); value != "" {
		return value
	}

	switch name {
	case "GONOPROXY":
		return lookupGoSetting("GOPRIVATE")
	case "GOMODCACHE":
		if gopath := filepath.SplitList(lookupGoSetting("GOPATH")); len(gopath) > 0 {
			return filepath.Join(gopath[0], "pkg", "mod")
		}

		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, "go", "pkg", "mod")
		}
	}

	return ""
}

// lookupGoSetting reads a variable from the environment or from the file that
// "go env -w" writes.
func lookupGoSetting(name string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}

	file := os.Getenv("GOENV")
	if file == "off" {
		return ""
	}

	if file == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return ""
		}

		file = filepath.Join(dir, "go", "env")
	}

	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()

	for scan := bufio.NewScanner(f); scan.Scan(); {
		if key, value, ok := strings.Cut(scan.Text(), "="); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}

	return ""
}

// GoRules returns rules that send go.dev/dl/mod to the proxies of a GOPROXY
// list, up to its first entry that is not a URL.
func GoRules(proxies []Proxy) Rules {
	var rules Rules

	for _, p := range proxies {
		if p.URL == Direct || p.URL == Off {
			break
		}

		rules = append(rules, Rule{Prefix: "https://go.dev/dl/mod/", Replacement: p.URL + "/"})
	}

	return rules
}
