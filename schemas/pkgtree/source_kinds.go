package pkgtree

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// sourceKinds are the keys that say what a source is.
var sourceKinds = []string{"url", "git", "image", "debian", "local", "go"}

// sourceKeys are the keys that only some kinds of source have, in the order in
// which they are checked.
var sourceKeys = []struct {
	key   string
	kinds []string
}{
	{"sha256", []string{"url", "git", "debian"}},
	{"sha512", []string{"url", "git", "debian"}},
	{"commit", []string{"git"}},
	{"ref", []string{"git"}},
	{"submodules", []string{"git"}},
	{"platform", []string{"image"}},
	{"unpatched", []string{"debian"}},
	{"from", []string{"git", "image"}},
	{"include", []string{"local"}},
	{"exclude", []string{"local"}},
}

// kinds gives the keys of sourceKinds that have a value.
func (s *Source) kinds() []string {
	var given []string

	for i, value := range []string{s.URL, s.Git, s.Image, s.Debian, s.Local, s.Go} {
		if value != "" {
			given = append(given, sourceKinds[i])
		}
	}

	return given
}

// checkKind checks a source of one kind.
func (s *Source) checkKind(c *checker, kind string) {
	for _, k := range sourceKeys {
		if c.has(k.key) && !slices.Contains(k.kinds, kind) {
			c.fail([]string{k.key}, "%s belongs to a source with %s, this one has %s", k.key, strings.Join(k.kinds, " or "), kind)
		}
	}

	switch kind {
	case "url":
		s.checkURL(c)
		s.checkSums(c, kind)
	case "git":
		s.checkGit(c)
		s.checkSums(c, kind)
	case "image":
		s.checkImage(c)
	case "debian":
		s.checkDebian(c)
		s.checkSums(c, kind)
	}
}

// gitSchemes are those that a recipe may name; a mirror may be a file URL.
var gitSchemes = []string{"https", "http", "ssh", "git"}

var (
	commitPattern = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	digestPattern = regexp.MustCompile(`@sha256:[0-9a-f]{64}$`)
	// refPattern leaves out what git-check-ref-format(1) forbids, and what
	// would be an option or a refspec.
	refPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/+-]*$`)
)

func (s *Source) checkGit(c *checker) {
	u, err := url.Parse(s.Git)

	switch {
	case err != nil || !slices.Contains(gitSchemes, u.Scheme) || u.Host == "" || strings.HasPrefix(u.Host, "-"):
		c.fail([]string{"git"}, "%q is not the address of a Git repository that begins with https, http, ssh or git", s.Git)
	case u.RawQuery != "" || u.Fragment != "":
		c.fail([]string{"git"}, "%q: a ? or # has no meaning here; give a commit, and a directory with from", s.Git)
	}

	switch {
	case s.Commit != "" && s.Ref != "":
		c.fail([]string{"ref"}, "give a commit or a ref, not both")
	case s.Commit != "" && !commitPattern.MatchString(s.Commit):
		c.failHint([]string{"commit"}, "a branch or a tag is a ref",
			"%q is not a commit: 40 or 64 lower-case hexadecimal digits are wanted", s.Commit)
	case s.Ref != "" && (!refPattern.MatchString(s.Ref) || strings.Contains(s.Ref, "..") || strings.HasSuffix(s.Ref, ".lock")):
		c.fail([]string{"ref"}, "%q is not the name of a branch or a tag", s.Ref)
	case s.Commit == "" && s.Ref == "" && c.clean("commit") && c.clean("ref") && !c.misspelt("commit") && !c.misspelt("ref"):
		c.fail([]string{"commit", "git"}, "the source has no commit")
	}

	if escapes(s.From) {
		c.fail([]string{"from"}, "from %q leads out of the repository", s.From)
	}
}

func (s *Source) checkImage(c *checker) {
	if !digestPattern.MatchString(s.Image) {
		c.fail([]string{"image"}, "an image that is a source must be named with its digest: name@sha256:...")
	}

	c.oneOf("platform", s.Platform, Platforms...)
}

func (s *Source) checkDebian(c *checker) {
	u, err := url.Parse(s.Debian)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || !strings.HasSuffix(u.Path, ".dsc") {
		c.fail([]string{"debian"}, "%q is not an http or https URL of a .dsc", s.Debian)
	}
}

// sumHints say where the sums come from, where no common program tells.
var sumHints = map[string]string{
	"git": "they are those of the archive that Akmon makes; `akmon sum` prints them",
}

func (s *Source) checkSums(c *checker, kind string) {
	if s.SHA256 == "" && s.SHA512 == "" && !c.has("sha256") && !c.has("sha512") && !c.misspelt("sha256") && !c.misspelt("sha512") {
		c.failHint([]string{kind}, sumHints[kind], "the source has neither sha256 nor sha512; both are needed")

		return
	}

	for _, sum := range []struct {
		key, value string
		digits     int
	}{
		{"sha256", s.SHA256, 64},
		{"sha512", s.SHA512, 128},
	} {
		switch {
		case sum.value == "" && (!c.clean(sum.key) && c.has(sum.key) || c.misspelt(sum.key)):
		case sum.value == "":
			c.failHint([]string{sum.key, kind}, sumHints[kind], "the source has no %s", sum.key)
		default:
			if message, hint := wrongSum(sum.value, sum.digits); message != "" {
				c.failHint([]string{sum.key}, hint, "%s must be %d lower-case hexadecimal digits, %s", sum.key, sum.digits, message)
			}
		}
	}
}

// Revision is what of a Git repository is meant: the commit or the ref.
func (s *Source) Revision() string {
	if s.Commit != "" {
		return s.Commit
	}

	return s.Ref
}

// Location says where the source comes from, as SPDX writes it (SPDX 2.3, 7.7
// "PackageDownloadLocation"): git+https://example.org/x.git@<commit>,
// oci://example.org/x@sha256:<digest>, or a URL. It is "" for what is in the
// tree.
func (s *Source) Location() string {
	switch {
	case s.Git != "":
		return "git+" + s.Git + "@" + s.Revision()
	case s.Image != "":
		return "oci://" + s.Image
	case s.Debian != "":
		return s.Debian
	default:
		return s.URL
	}
}

// Digest is the SHA-256 of the source in hexadecimal, of an image that of its
// manifest or index; "" for what is in the tree.
func (s *Source) Digest() string {
	if _, digest, ok := strings.Cut(s.Image, "@sha256:"); ok {
		return digest
	}

	return s.SHA256
}
