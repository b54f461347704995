package lint

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/forge/tree"
	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// Rule is one thing to look for.
type Rule struct {
	// Name is how findings and silencing comments call the rule.
	Name string
	// Description says what is found, in one line.
	Description string
	// Why says what can go wrong, and Instead what to write.
	Why, Instead string
	// Bad and Good are recipes with and without a finding. A test looks at
	// both.
	Bad, Good string

	check func(c *checker)
}

// base is where the rules' pages are published.
const base = "https://github.com/akmon-os/akmon/blob/main/docs/lint/"

// URL is the address of the rule's page.
func (r *Rule) URL() string { return base + r.Name + ".md" }

// Finding is something that a rule found.
type Finding struct {
	*document.Error

	Rule *Rule
}

// Find gives the rule with a name, or nil.
func Find(name string) *Rule {
	for _, r := range Rules {
		if r.Name == name {
			return r
		}
	}

	return nil
}

func names() []string {
	all := make([]string, len(Rules))
	for i, r := range Rules {
		all[i] = r.Name
	}

	return all
}

// Check looks for everything in every recipe of the tree, and in the reusable
// steps that they use. Findings are in order of file and line.
func Check(t *tree.Tree) []Finding {
	var all []Finding

	root := silences(t.RootRaw)

	for _, name := range t.Names() {
		// The outputs of a recipe are looked at with it.
		if p := t.Packages[name]; p.Recipe == nil {
			all = append(all, checkPackage(t, p, root)...)
		}
	}

	all = append(all, checkSilences(root, func(s *silence, format string, args ...any) Finding {
		place := &yaml.Node{Line: s.pos.Line, Column: s.pos.Column}

		return Finding{document.At(t.RootFile, t.RootRaw, place, format, args...), silenceRule}
	})...)

	slices.SortStableFunc(all, func(a, b Finding) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}

		return a.Line - b.Line
	})

	// Every recipe that uses a step finds the same in it.
	return slices.CompactFunc(all, func(a, b Finding) bool { return *a.Error == *b.Error && a.Rule == b.Rule })
}

// checker is what a rule gets to see of one package.
type checker struct {
	tree *tree.Tree
	pkg  *tree.Package

	rule     *Rule
	findings []Finding
}

func (c *checker) report(pos pkgtree.Position, format string, args ...any) {
	c.findings = append(c.findings, Finding{c.pkg.Errorf(pos, format, args...), c.rule})
}

// checkPackage looks at a recipe; root are the comments of the root document.
func checkPackage(t *tree.Tree, p *tree.Package, root []*silence) []Finding {
	c := &checker{tree: t, pkg: p}

	for _, r := range Rules {
		if r.check != nil {
			c.rule = r
			r.check(c)
		}
	}

	own := silences(p.Raw)

	kept := slices.DeleteFunc(c.findings, func(f Finding) bool {
		comments := own
		if f.File == t.RootFile {
			comments = root
		}

		for _, s := range comments {
			if s.rule == f.Rule.Name && s.covers(f.Line) && s.reason != "" {
				s.used = true

				return true
			}
		}

		return false
	})

	return append(kept, checkSilences(own, func(s *silence, format string, args ...any) Finding {
		return Finding{p.Errorf(s.pos, format, args...), silenceRule}
	})...)
}

// checkSilences looks at the comments themselves.
func checkSilences(comments []*silence, finding func(s *silence, format string, args ...any) Finding) []Finding {
	var all []Finding

	for _, s := range comments {
		switch {
		case Find(s.rule) == nil:
			f := finding(s, "no lint rule is named %q", s.rule)
			f.Hint = document.Suggest(s.rule, names())
			all = append(all, f)
		case s.reason == "":
			all = append(all, finding(s, "the comment gives no reason: write `lint: %s: REASON`", s.rule))
		case !s.used:
			all = append(all, finding(s, "there is no finding of %s here to silence", s.rule))
		}
	}

	return all
}
