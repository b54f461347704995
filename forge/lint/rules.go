package lint

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// silenceRule is about the silencing comments themselves.
var silenceRule = &Rule{
	Name:        "silence",
	Description: "a comment that silences a rule says which, and why, and is needed",
	Why:         "A comment that silences nothing hides the next finding that comes to its place, and one without a reason can't be judged by who reads it later.",
	Instead:     "Name the rule and give the reason, or remove the comment.",
	Bad:         "# lint: network\nname: a\n",
	Good:        "name: a\nsteps:\n  # lint: network: the test asks a real server\n  - network: default\n    test: [ping -c 1 example.org]\nfinalize: [{from: /rootfs}]\n",
}

// Rules are all rules, in order of name.
var Rules = []*Rule{
	{
		Name:        "duplicate-dependency",
		Description: "a dependency is named twice with the same place",
		Why:         "The second one changes nothing: what is put into a build twice is put there where it is named first.",
		Instead:     "Remove one of the two.",
		Bad:         "name: a\ndependencies:\n  - image: example.org/b@sha256:0\n  - image: example.org/b@sha256:0\n",
		Good:        "name: a\ndependencies:\n  - image: example.org/b@sha256:0\n  - image: example.org/b@sha256:0\n    to: /copy\n",
		check:       duplicateDependency,
	},
	{
		Name:        "empty-output",
		Description: "the package has steps, but no finalize: its output is empty",
		Why:         "Trees with a Pkgfile may have such packages. All that the steps do is thrown away, and whoever depends on the package gets nothing.",
		Instead:     "Say with `finalize` what the output is.",
		Bad:         "name: a\nsteps:\n  - build: [make]\n",
		Good:        "name: a\nsteps:\n  - build: [make]\nfinalize:\n  - from: /rootfs\n",
		check: func(c *checker) {
			if len(c.pkg.Steps) > 0 && len(c.pkg.Finalize) == 0 && len(c.pkg.Outputs) == 0 {
				c.report(c.pkg.StepsPos, "the package has steps but no finalize: its output is empty")
			}
		},
	},
	{
		Name:        "insecure-url",
		Description: "a source is downloaded without encryption",
		Why:         "The checksums keep anybody from changing the file, but not from seeing who fetches it or from keeping it away.",
		Instead:     "Use the https address.",
		Bad:         source("http://example.org/a-1.0.tar.gz"),
		Good:        source("https://example.org/a-1.0.tar.gz"),
		check: func(c *checker) {
			eachSource(c, func(s *pkgtree.Source) {
				if strings.HasPrefix(s.Location(), "http://") || strings.HasPrefix(s.Git, "http://") || strings.HasPrefix(s.Git, "git://") {
					c.report(s.Pos, "the source is downloaded without encryption")
				}
			})
		},
	},
	{
		Name:        "license",
		Description: "a package that is made of sources from elsewhere does not name its licences",
		Why:         "The SBOM of every image that the package is in then says NOASSERTION, and whoever passes the image on has to find out.",
		Instead:     "List SPDX identifiers or expressions under `licenses`.",
		Bad:         source("https://example.org/a-1.0.tar.gz"),
		Good:        "licenses: [MIT]\n" + source("https://example.org/a-1.0.tar.gz"),
		check: func(c *checker) {
			if len(c.pkg.Licenses) == 0 && fromElsewhere(c) && !c.tree.Compatible() {
				c.report(c.pkg.NamePos, "the package is made of sources from elsewhere, but names no licenses")
			}
		},
	},
	{
		Name:        "lost-state",
		Description: "an instruction only changes its shell, which ends with it",
		Why:         "Each instruction runs in a shell of its own: a `cd` or an `export` is forgotten at once, and the next instruction runs where and as it would without it.",
		Instead:     "Put it into the instruction that needs it, or set the variable under `env`.",
		Bad:         "name: a\nsteps:\n  - build:\n      - cd build\n      - make\nfinalize: [{from: /rootfs}]\n",
		Good:        "name: a\nsteps:\n  - build:\n      - |\n        cd build\n        make\nfinalize: [{from: /rootfs}]\n",
		check:       lostState,
	},
	{
		Name:        "moving-url",
		Description: "the file behind a URL is likely to change",
		Why:         "When it changes, the checksums no longer match, and the package can't be built any more where the old file is not in a store or a mirror.",
		Instead:     "Use the address of a release, or of an archive that keeps what it has.",
		Bad:         source("https://example.org/archive/refs/heads/main.tar.gz"),
		Good:        source("https://example.org/archive/refs/tags/v1.0.tar.gz"),
		check: func(c *checker) {
			eachSource(c, func(s *pkgtree.Source) {
				if moving.MatchString(s.URL) {
					c.report(s.Pos, "the file behind this URL is likely to change")
				}
			})
		},
	},
	{
		Name:        "network",
		Description: "a step may use the network",
		Why:         "What it fetches is pinned by nothing: the step may give something else tomorrow, or nothing at all, and it can't be repeated offline.",
		Instead:     "Name what it needs under `sources`.",
		Bad:         "name: a\nsteps:\n  - network: default\n    build: [go build ./...]\nfinalize: [{from: /rootfs}]\n",
		Good:        "name: a\nsteps:\n  - sources:\n      - go: .\n    build: [go build ./...]\nfinalize: [{from: /rootfs}]\n",
		check: func(c *checker) {
			for i := range c.pkg.Steps {
				if s := &c.pkg.Steps[i]; s.Network == pkgtree.NetworkDefault || s.Network == pkgtree.NetworkHost {
					c.report(s.Pos, "the step may use the network: what it fetches is pinned by nothing")
				}
			}
		},
	},
	silenceRule,
	{
		Name:        "unpinned-image",
		Description: "an image is named by a tag alone",
		Why:         "A tag may point to something else tomorrow. The same tree then gives another result, and nobody sees why.",
		Instead:     "Pin it with `akmon lock`, or add the digest: `name:tag@sha256:...`.",
		Bad:         "name: a\ndependencies:\n  - image: example.org/tools:v1\n",
		Good:        "name: a\ndependencies:\n  - image: example.org/tools:v1@sha256:" + zeros + "\n",
		check: func(c *checker) {
			for i := range c.pkg.Dependencies {
				if d := &c.pkg.Dependencies[i]; d.Image != "" && !strings.Contains(d.Image, "@") && !pinned(c.tree, d.Image) {
					c.report(d.Pos, "the image is named by a tag, which may point to something else tomorrow")
				}
			}
		},
	},
	{
		Name:        "unpinned-ref",
		Description: "a git source names a branch or a tag instead of a commit",
		Why:         "Branches move, and tags can be moved. The checksums keep other files out, but then the package can't be built any more where the old archive is not in a store.",
		Instead:     "Give the full commit: `git ls-remote URL REF` tells it, of an annotated tag the line that ends in `^{}`.",
		Bad:         gitSource("ref: v1.0"),
		Good:        gitSource("commit: " + zeros[:40]),
		check: func(c *checker) {
			eachSource(c, func(s *pkgtree.Source) {
				if s.Ref != "" {
					c.report(s.Pos, "the source is what %s points to, which may be something else tomorrow", s.Ref)
				}
			})
		},
	},
	{
		Name:        "version",
		Description: "a package that is made of sources from elsewhere has no version",
		Why:         "Neither the SBOM nor the views of the tree can then say what is in an image, and known weaknesses can't be told from others.",
		Instead:     "Give the upstream version under `version`.",
		Bad:         source("https://example.org/a-1.0.tar.gz"),
		Good:        "version: 1.0\n" + source("https://example.org/a-1.0.tar.gz"),
		check: func(c *checker) {
			if c.pkg.Version == "" && fromElsewhere(c) && !c.tree.Compatible() {
				c.report(c.pkg.NamePos, "the package is made of sources from elsewhere, but has no version")
			}
		},
	},
}

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

// source is an example with a source.
func source(address string) string {
	return "name: a\nsteps:\n  - sources:\n      - url: " + address + "\n        sha256: " + zeros + "\n        sha512: " + zeros + zeros +
		"\nfinalize: [{from: /rootfs}]\n"
}

// gitSource is an example with a commit or a ref.
func gitSource(revision string) string {
	return "name: a\nsteps:\n  - sources:\n      - git: https://example.org/a.git\n        " + revision + "\n        sha256: " + zeros +
		"\n        sha512: " + zeros + zeros + "\nfinalize: [{from: /rootfs}]\n"
}

// moving matches addresses of branches and of what is newest.
var moving = regexp.MustCompile(`/latest(/|\.)|/(refs/heads|archive|tarball|zipball)/(refs/heads/)?(main|master|trunk|HEAD|develop)\b`)

func eachSource(c *checker, f func(s *pkgtree.Source)) {
	for i := range c.pkg.Steps {
		for j := range c.pkg.Steps[i].Sources {
			f(&c.pkg.Steps[i].Sources[j])
		}
	}
}

// fromElsewhere tells whether the package has a source with a host.
func fromElsewhere(c *checker) bool {
	found := false

	eachSource(c, func(s *pkgtree.Source) {
		u, err := url.Parse(s.Location())
		found = found || err == nil && u.Host != ""
	})

	return found
}

func duplicateDependency(c *checker) {
	seen := map[string]bool{}

	for i := range c.pkg.Dependencies {
		d := &c.pkg.Dependencies[i]
		key := strings.Join([]string{d.Stage, d.Image, d.Debian, d.Platform, d.Source(), d.Target()}, "\x00")

		if seen[key] {
			c.report(d.Pos, "the dependency is named twice with the same place")
		}

		seen[key] = true
	}
}

// stateOnly matches a script of one command that only changes its shell.
var stateOnly = regexp.MustCompile(`^\s*(cd|export|set|unset|umask|alias)(\s[^;&|\n]*)?\s*$`)

func lostState(c *checker) {
	for i := range c.pkg.Steps {
		for _, phase := range c.pkg.Steps[i].Phases() {
			for _, instruction := range phase.Instructions {
				if stateOnly.MatchString(instruction.Script) {
					c.report(instruction.Pos, "the instruction only changes its shell, which ends with it")
				}
			}
		}
	}
}
