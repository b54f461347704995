package lint

import (
	"slices"
	"strings"

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

// Check looks for everything in every package of the tree. Findings are in
// order of file and line.
func Check(t *tree.Tree) []Finding {
	var all []Finding

	for _, name := range t.Names() {
		all = append(all, checkPackage(t, t.Packages[name])...)
	}

	slices.SortStableFunc(all, func(a, b Finding) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}

		return a.Line - b.Line
	})

	return all
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

func checkPackage(t *tree.Tree, p *tree.Package) []Finding {
	c := &checker{tree: t, pkg: p}

	for _, r := range Rules {
		if r.check != nil {
			c.rule = r
			r.check(c)
		}
	}

	comments := silences(p.Raw)

	kept := slices.DeleteFunc(c.findings, func(f Finding) bool {
		for _, s := range comments {
			if s.rule == f.Rule.Name && s.covers(f.Line) && s.reason != "" {
				s.used = true

				return true
			}
		}

		return false
	})

	c.findings, c.rule = kept, silenceRule

	for _, s := range comments {
		switch {
		case Find(s.rule) == nil:
			c.report(s.pos, "no lint rule is named %q", s.rule)
		case s.reason == "":
			c.report(s.pos, "the comment gives no reason: write `lint: %s: REASON`", s.rule)
		case !s.used:
			c.report(s.pos, "there is no finding of %s here to silence", s.rule)
		}
	}

	return c.findings
}
