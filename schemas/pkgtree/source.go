package pkgtree

import (
	"net/url"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Source is something that a step starts from: exactly one of URL, Local and
// Go. It is put into the step's working directory before the first phase.
type Source struct {
	// URL is where a file is downloaded from when no mirror has it. Both
	// sums are required.
	URL    string `yaml:"url,omitempty"`
	SHA256 string `yaml:"sha256,omitempty"`
	SHA512 string `yaml:"sha512,omitempty"`

	// Local is a directory of the tree, relative to its root. Include and
	// Exclude are patterns relative to Local as .dockerignore has them.
	// Akmon's addition.
	Local   string   `yaml:"local,omitempty"`
	Include []string `yaml:"include,omitempty"`
	Exclude []string `yaml:"exclude,omitempty"`

	// Go is a directory of the tree, relative to its root, that holds a
	// go.sum: every module that it names is there as a GOPROXY file tree.
	// Akmon's addition.
	Go string `yaml:"go,omitempty"`

	// Destination is the file (URL) or directory (Local, Go), relative to
	// the working directory. It defaults to the last element of the URL's
	// path, to the working directory itself, and to [DefaultGoProxy].
	Destination string `yaml:"destination,omitempty"`

	Pos Position `yaml:"-"`
}

// DefaultGoProxy is where a Go source is mounted when it names no
// destination.
const DefaultGoProxy = "/go/proxy"

var sourceKinds = []string{"url", "local", "go"}

// UnmarshalYAML decodes and checks the source.
func (s *Source) UnmarshalYAML(n *yaml.Node) error {
	type plain Source

	c := decode(n, (*plain)(s))
	s.Pos = valueAt(n, sourceKinds...)

	if n.Kind != yaml.MappingNode {
		return c.err()
	}

	given := 0

	for _, value := range []string{s.URL, s.Local, s.Go} {
		if value != "" {
			given++
		}
	}

	switch {
	case given == 0 && len(c.errs) == 0:
		c.fail(sourceKinds, "a source must have a url, a local directory or a go directory")
	case given > 1:
		c.fail(sourceKinds, "a source has one url, local directory or go directory, not several")
	case s.URL != "":
		s.checkURL(c)
	case given == 1:
		for _, key := range []string{"sha256", "sha512"} {
			if c.has(key) {
				c.fail([]string{key}, "%s belongs to a url", key)
			}
		}
	}

	if s.Local == "" && (len(s.Include) > 0 || len(s.Exclude) > 0) {
		c.fail([]string{"include", "exclude"}, "include and exclude belong to a local directory")
	}

	if s.Go == "" && escapes(s.Destination) {
		c.fail([]string{"destination"}, "destination %q leads out of the step's directory", s.Destination)
	}

	return c.err()
}

func (s *Source) checkURL(c *checker) {
	u, err := url.Parse(s.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		c.fail([]string{"url"}, "%q is not an http or https URL", s.URL)
	} else if s.FileName() == "" {
		c.fail([]string{"url"}, "the URL does not end in a file name; give a destination")
	}

	for _, sum := range []struct {
		key, value string
		digits     int
	}{
		{"sha256", s.SHA256, 64},
		{"sha512", s.SHA512, 128},
	} {
		switch {
		case sum.value == "":
			c.fail([]string{sum.key, "url"}, "the source has no %s", sum.key)
		case len(sum.value) != sum.digits || strings.Trim(sum.value, "0123456789abcdef") != "":
			c.fail([]string{sum.key}, "%s must be %d lower-case hexadecimal digits, this is %d characters",
				sum.key, sum.digits, len(sum.value))
		}
	}
}

// FileName is the path of a URL source relative to the step's directory, or
// "" when neither the destination nor the URL gives one.
func (s *Source) FileName() string {
	if s.Destination != "" {
		return strings.TrimPrefix(path.Join("/", s.Destination), "/")
	}

	u, err := url.Parse(s.URL)
	if err != nil {
		return ""
	}

	if name := path.Base(u.Path); name != "." && name != "/" {
		return name
	}

	return ""
}

// escapes tells whether relative path p leads above where it starts.
func escapes(p string) bool {
	clean := path.Clean(strings.TrimLeft(p, "/"))

	return clean == ".." || strings.HasPrefix(clean, "../")
}
