package pkgtree

import (
	"net/url"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Source is something that a step starts from: exactly one of URL, Git, Image,
// Debian, Local and Go. It is put into the step's working directory before the
// first phase.
type Source struct {
	// URL is where a file is downloaded from when no mirror has it. Both
	// sums are required, as they are for Git and Debian.
	URL    string `yaml:"url,omitempty"`
	SHA256 string `yaml:"sha256,omitempty"`
	SHA512 string `yaml:"sha512,omitempty"`

	// Git is the address of a Git repository: https, http, ssh or git. The
	// files are those of Commit, all digits of its name given, or of Ref, a
	// branch or a tag. The sums are those of the archive that Akmon makes
	// of them. With Submodules, those are in it too. Akmon's addition.
	Git        string `yaml:"git,omitempty"`
	Commit     string `yaml:"commit,omitempty"`
	Ref        string `yaml:"ref,omitempty"`
	Submodules bool   `yaml:"submodules,omitempty"`

	// Image is a reference with a digest to an OCI image, Platform what is
	// taken of one that is for several; it defaults to what the package is
	// for. Akmon's addition.
	Image    string `yaml:"image,omitempty"`
	Platform string `yaml:"platform,omitempty"`

	// Debian is the address of a Debian source package's .dsc, which the
	// sums are of. Its files are unpacked, and its patches applied unless
	// Unpatched says otherwise. Akmon's addition.
	Debian    string `yaml:"debian,omitempty"`
	Unpatched bool   `yaml:"unpatched,omitempty"`

	// From is the part of Git or Image to take, everything when empty.
	From string `yaml:"from,omitempty"`

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

	// Destination is the file (URL) or directory (all others), relative to
	// the working directory. It defaults to the last element of the URL's
	// path, for Go to [DefaultGoProxy], and to the working directory itself.
	Destination string `yaml:"destination,omitempty"`

	Pos Position `yaml:"-"`
}

// DefaultGoProxy is where a Go source is mounted when it names no
// destination.
const DefaultGoProxy = "/go/proxy"

// UnmarshalYAML decodes and checks the source.
func (s *Source) UnmarshalYAML(n *yaml.Node) error {
	type plain Source

	c := decode(n, (*plain)(s))
	s.Pos = valueAt(n, sourceKinds...)

	if n.Kind != yaml.MappingNode {
		return c.err()
	}

	switch kinds := s.kinds(); {
	case len(kinds) == 0 && len(c.errs) == 0:
		c.fail(sourceKinds, "a source must have a url, git, image, debian, local or go")
	case len(kinds) > 1:
		c.fail(sourceKinds, "a source has one of url, git, image, debian, local and go, not several")
	case len(kinds) == 1:
		s.checkKind(c, kinds[0])
	}

	if s.Go == "" && escapes(s.Destination) {
		c.fail([]string{"destination"}, "destination %q leads out of the step's directory", s.Destination)
	}

	return c.err()
}

func (s *Source) checkURL(c *checker) {
	if hint, ok := urlHint(s.URL); !ok {
		c.failHint([]string{"url"}, hint, "%q is not an http or https URL", s.URL)
	} else if s.FileName() == "" {
		c.fail([]string{"url"}, "the URL does not end in a file name; give a destination")
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
