package mirror

import (
	"bufio"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// The two archives of snapshot.debian.org that apt sources mirror.
const (
	debianArchive   = "https://snapshot.debian.org/archive/debian/*/"
	securityArchive = "https://snapshot.debian.org/archive/debian-security/*/"
)

// AptRules returns rules that send snapshot.debian.org to the Debian mirrors
// that apt is configured with in dir, normally /etc/apt. A machine without
// apt, and files that cannot be read, give no rules.
func AptRules(dir string) Rules {
	var sources []aptSource

	read := func(name string, parse func(string) []aptSource) {
		if data, err := os.ReadFile(name); err == nil {
			sources = append(sources, parse(string(data))...)
		}
	}

	read(filepath.Join(dir, "sources.list"), parseList)

	parts := os.DirFS(filepath.Join(dir, "sources.list.d"))

	// ReadDir sorts by name, as apt does.
	entries, _ := fs.ReadDir(parts, ".") //nolint:errcheck // no directory, no sources
	for _, entry := range entries {
		name := filepath.Join(dir, "sources.list.d", entry.Name())

		switch path.Ext(entry.Name()) {
		case ".list":
			read(name, parseList)
		case ".sources":
			read(name, parseDeb822)
		}
	}

	var rules Rules

	for _, src := range sources {
		prefix := src.archive()
		if prefix == "" {
			continue
		}

		rule := Rule{Prefix: prefix, Replacement: strings.TrimRight(src.uri, "/") + "/"}
		if rule.Validate() == nil && !slices.Contains(rules, rule) {
			rules = append(rules, rule)
		}
	}

	return rules
}

// aptSource is one URI with one suite of an apt source.
type aptSource struct {
	uri, suite string
	components []string
}

// Debian's suites; others in an apt source belong to other distributions or
// to repositories of single programs.
var debianSuites = []string{
	"oldoldstable", "oldstable", "stable", "testing", "unstable", "experimental", "rc-buggy",
	"stretch", "buster", "bullseye", "bookworm", "trixie", "forky", "duke", "sid",
}

// archive returns the prefix of the snapshot archive that the source mirrors,
// or "" if it isn't Debian's.
func (s aptSource) archive() string {
	if !strings.HasPrefix(s.uri, "http://") && !strings.HasPrefix(s.uri, "https://") {
		return ""
	}

	if !slices.Contains(s.components, "main") {
		return ""
	}

	// "bookworm/updates" was the name of security suites up to buster.
	base, rest, _ := strings.Cut(strings.ReplaceAll(s.suite, "/updates", "-security"), "-")
	if !slices.Contains(debianSuites, base) {
		return ""
	}

	if rest == "security" || strings.HasPrefix(rest, "security-") {
		return securityArchive
	}

	return debianArchive
}

// parseList reads the one-line format of sources.list(5):
//
//	deb [ option=value … ] uri suite component…
func parseList(text string) []aptSource {
	var sources []aptSource

	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")

		kind, rest, _ := strings.Cut(strings.Join(strings.Fields(line), " "), " ")
		if kind != "deb" && kind != "deb-src" {
			continue
		}

		if strings.HasPrefix(rest, "[") {
			_, after, ok := strings.Cut(rest, "]")
			if !ok {
				continue
			}

			rest = strings.TrimSpace(after)
		}

		if fields := strings.Fields(rest); len(fields) >= 3 {
			sources = append(sources, aptSource{uri: fields[0], suite: fields[1], components: fields[2:]})
		}
	}

	return sources
}

// parseDeb822 reads the paragraphs of a .sources file, sources.list(5).
func parseDeb822(text string) []aptSource {
	var (
		sources []aptSource
		fields  = map[string]string{}
		last    string
	)

	flush := func() {
		if enabled := strings.ToLower(fields["enabled"]); enabled != "no" && enabled != "false" && enabled != "0" {
			for _, uri := range strings.Fields(fields["uris"]) {
				for _, suite := range strings.Fields(fields["suites"]) {
					sources = append(sources, aptSource{uri, suite, strings.Fields(fields["components"])})
				}
			}
		}

		fields, last = map[string]string{}, ""
	}

	for scan := bufio.NewScanner(strings.NewReader(text)); scan.Scan(); {
		line := scan.Text()

		switch {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			flush()
		case line[0] == ' ' || line[0] == '\t':
			if last != "" {
				fields[last] += " " + strings.TrimSpace(line)
			}
		default:
			if name, value, ok := strings.Cut(line, ":"); ok {
				last = strings.ToLower(strings.TrimSpace(name))
				fields[last] = strings.TrimSpace(value)
			}
		}
	}

	flush()

	return sources
}
