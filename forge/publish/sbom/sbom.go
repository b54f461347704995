package sbom

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"time"
)

// Image is what a bill of materials is about.
type Image struct {
	Name       string    // such as "installer"; must not be empty
	Version    string    // such as "v0.1.0"
	Digest     string    // "sha256:<hex>" of the image's manifest; may be empty
	Platform   string    // such as "linux/amd64"; informative
	Supplier   string    // organisation; "" is NOASSERTION
	Homepage   string    // URL or ""
	Licenses   []string  // SPDX expressions, all of them apply
	Created    time.Time // SOURCE_DATE_EPOCH, UTC, whole seconds
	Tool       string    // "name-version" of what writes the document
	Components []Component
	Tools      []Component // what built it without being in it
	Programs   []Program   // Go programs in it, with what is linked into them
	Files      []File      // files of the image; may be empty
}

// Program is a Go program in an image.
type Program struct {
	Name     string // path of its main package; must not be empty
	Module   string // path of the module that the package is in, "" if unknown
	Version  string // of that module, "" if unknown
	Location string // path in the image; a colon and a path more for each archive it is in
	Modules  []Module
}

// Module is a Go module that is linked into a program. Path is "stdlib" for
// Go's own library, whose version is Go's.
type Module struct {
	Path    string // must not be empty
	Version string // such as "v1.2.3"; "" if it was not a released one
	Sum     string // as go.sum has it, "h1:…"; may be empty
}

// Component is one package of the tree that is in an image.
type Component struct {
	Name        string   // must not be empty; unique together with Version
	Version     string   // upstream's version
	Licenses    []string // SPDX expressions, all of them apply; none is NOASSERTION
	Supplier    string   // organisation that publishes it; "" is NOASSERTION
	Homepage    string   // URL or ""
	Description string   // one line or ""
	PURL        string   // package URL or ""
	CPE         string   // CPE 2.3 name or "", for vulnerability scanners
	Sources     []Source // archives that it was made from
}

// Source is an archive.
type Source struct {
	URL    string // where upstream has it
	SHA256 string // hexadecimal, required
	SHA512 string // hexadecimal or ""
}

// File is a file in the image.
type File struct {
	Path   string // absolute in the image, such as "/usr/bin/installer"
	SHA1   string // hexadecimal; the format demands it
	SHA256 string // hexadecimal
}

// ErrInput means that the description cannot be written as SPDX.
var ErrInput = errors.New("bill of materials")

var (
	hex40   = regexp.MustCompile(`^[0-9a-f]{40}$`)
	hex64   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	hex128  = regexp.MustCompile(`^[0-9a-f]{128}$`)
	digests = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// check finds what the format cannot express.
func (i *Image) check() error {
	if i.Name == "" {
		return fmt.Errorf("%w: the image has no name", ErrInput)
	}

	if i.Digest != "" && !digests.MatchString(i.Digest) {
		return fmt.Errorf("%w: image %s: digest %q is not sha256", ErrInput, i.Name, i.Digest)
	}

	if err := checkURL(i.Homepage); err != nil {
		return fmt.Errorf("%w: image %s: homepage: %w", ErrInput, i.Name, err)
	}

	seen := map[string]bool{}

	for _, c := range append(append([]Component{}, i.Components...), i.Tools...) {
		if err := c.check(); err != nil {
			return err
		}

		key := c.Name + "@" + c.Version
		if seen[key] {
			return fmt.Errorf("%w: package %s is listed twice", ErrInput, key)
		}

		seen[key] = true
	}

	for _, p := range i.Programs {
		if p.Name == "" || p.Location == "" {
			return fmt.Errorf("%w: a program has no name or no place", ErrInput)
		}

		key := p.Name + " in " + p.Location
		if seen[key] {
			return fmt.Errorf("%w: program %s is listed twice", ErrInput, key)
		}

		seen[key] = true

		for _, m := range p.Modules {
			if m.Path == "" {
				return fmt.Errorf("%w: program %s: a module has no path", ErrInput, p.Name)
			}
		}
	}

	for _, f := range i.Files {
		if len(f.Path) < 2 || f.Path[0] != '/' {
			return fmt.Errorf("%w: file %q: the path is not absolute", ErrInput, f.Path)
		}

		if !hex40.MatchString(f.SHA1) || !hex64.MatchString(f.SHA256) {
			return fmt.Errorf("%w: file %s: malformed checksum", ErrInput, f.Path)
		}
	}

	return nil
}

func (c *Component) check() error {
	if c.Name == "" {
		return fmt.Errorf("%w: a package has no name", ErrInput)
	}

	if err := checkURL(c.Homepage); err != nil {
		return fmt.Errorf("%w: package %s: homepage: %w", ErrInput, c.Name, err)
	}

	for _, s := range c.Sources {
		if s.URL == "" {
			return fmt.Errorf("%w: package %s: a source has no URL", ErrInput, c.Name)
		}

		if err := checkURL(s.URL); err != nil {
			return fmt.Errorf("%w: package %s: source: %w", ErrInput, c.Name, err)
		}

		if !hex64.MatchString(s.SHA256) || (s.SHA512 != "" && !hex128.MatchString(s.SHA512)) {
			return fmt.Errorf("%w: package %s: source %s: malformed checksum", ErrInput, c.Name, s.URL)
		}
	}

	return nil
}

func checkURL(text string) error {
	if text == "" {
		return nil
	}

	u, err := url.Parse(text)
	if err != nil {
		return err
	}

	if u.Scheme == "" || u.Host == "" {
		return fmt.Errorf("%q is not an absolute URL", text)
	}

	return nil
}
