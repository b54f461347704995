// Package closure computes which packages a set of wanted packages needs:
// itself and, transitively, Depends and Pre-Depends (Debian Policy, chapter 7).
// Recommends and Debian's essential packages are not added.
//
// The choice depends on the index and the wanted set alone, not on the order
// in which either is given: of several versions the highest is taken; of
// alternatives and providers of a virtual package one that is in the set
// already, else the first alternative that exists, and of its providers the
// one of highest priority, then the first by name.
package closure

import (
	"fmt"
	"slices"
	"strings"

	"github.com/akmon-os/akmon/forge/bootstrap/deb"
)

// Package is a binary package of an index.
type Package struct {
	Name, Version, Arch string
	Priority            string
	Filename            string // relative to the archive's root
	Archive             string // which archive that is; opaque here
	SHA256              string
	Size                int64

	Depends   [][]deb.Relation // with Pre-Depends
	Conflicts [][]deb.Relation // with Breaks
	Provides  [][]deb.Relation
}

// Index finds packages by name and by what they provide.
type Index struct {
	packages map[string]*Package
	provides map[string][]provider
}

type provider struct {
	pkg     *Package
	version string // that the virtual package is provided in; may be empty
}

// NewIndex makes an index; of several packages with one name only the highest
// version counts, as it does for apt without pins.
func NewIndex(packages []*Package) *Index {
	x := &Index{packages: map[string]*Package{}, provides: map[string][]provider{}}

	for _, p := range packages {
		if old, ok := x.packages[p.Name]; !ok || deb.CompareVersions(p.Version, old.Version) > 0 {
			x.packages[p.Name] = p
		}
	}

	for _, p := range x.packages {
		for _, group := range p.Provides {
			for _, r := range group {
				x.provides[r.Name] = append(x.provides[r.Name], provider{p, r.Version})
			}
		}
	}

	for _, list := range x.provides {
		slices.SortFunc(list, func(a, b provider) int {
			if c := rank(a.pkg) - rank(b.pkg); c != 0 {
				return c
			}

			return strings.Compare(a.pkg.Name, b.pkg.Name)
		})
	}

	return x
}

func rank(p *Package) int {
	order := []string{"required", "important", "standard", "optional"}
	if i := slices.Index(order, p.Priority); i >= 0 {
		return i
	}

	return len(order)
}

// Find returns the package with this name, or nil.
func (x *Index) Find(name string) *Package { return x.packages[name] }

// Names returns all names, sorted.
func (x *Index) Names() []string {
	names := make([]string, 0, len(x.packages))
	for name := range x.packages {
		names = append(names, name)
	}

	slices.Sort(names)

	return names
}

// Want is a package to have. Alone leaves out what it depends on.
type Want struct {
	Name  string
	Alone bool
}

// Result is a closure.
type Result struct {
	Packages []*Package // sorted by name
	// Unused are names of without that nothing asked for.
	Unused []string
}

// Compute returns the closure of wants, in which packages named by without do
// not occur though others depend on them.
func (x *Index) Compute(wants []Want, without []string) (Result, error) {
	c := &computation{index: x, chosen: map[string]*Package{}, why: map[string]string{}, left: map[string]bool{}}
	for _, name := range without {
		c.left[name] = false
	}

	wants = slices.Clone(wants)
	slices.SortFunc(wants, func(a, b Want) int { return strings.Compare(a.Name, b.Name) })

	var queue []*Package

	// All wanted packages are in before the first alternative is decided.
	for _, w := range wants {
		p := x.packages[w.Name]
		if p == nil {
			return Result{}, &UnknownError{Name: w.Name}
		}

		c.chosen[p.Name] = p

		if !w.Alone {
			queue = append(queue, p)
		}
	}

	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]

		for _, group := range p.Depends {
			next, err := c.satisfy(p, group)
			if err != nil {
				return Result{}, err
			}

			if next != nil {
				c.chosen[next.Name] = next
				c.why[next.Name] = p.Name
				queue = append(queue, next)
			}
		}
	}

	if err := c.conflicts(); err != nil {
		return Result{}, err
	}

	var result Result
	for _, p := range c.chosen {
		result.Packages = append(result.Packages, p)
	}

	slices.SortFunc(result.Packages, func(a, b *Package) int { return strings.Compare(a.Name, b.Name) })

	for name, used := range c.left {
		if !used {
			result.Unused = append(result.Unused, name)
		}
	}

	slices.Sort(result.Unused)

	return result, nil
}

type computation struct {
	index  *Index
	chosen map[string]*Package
	why    map[string]string // package → the one that asked for it
	left   map[string]bool   // left out → something asked for it
}

// satisfy returns the package to add for a group of alternatives; nil if it is
// met already.
func (c *computation) satisfy(p *Package, group []deb.Relation) (*Package, error) {
	for _, r := range group {
		if q := c.chosen[r.Name]; q != nil && r.Accepts(q.Version) {
			return nil, nil
		}

		for _, provider := range c.index.provides[r.Name] {
			if c.chosen[provider.pkg.Name] != nil && provided(r, provider) {
				return nil, nil
			}
		}
	}

	for _, r := range group {
		if _, ok := c.left[r.Name]; ok {
			c.left[r.Name] = true

			return nil, nil
		}
	}

	for _, r := range group {
		if q := c.index.packages[r.Name]; q != nil && r.Accepts(q.Version) {
			return q, nil
		}

		for _, provider := range c.index.provides[r.Name] {
			if _, ok := c.left[provider.pkg.Name]; !ok && provided(r, provider) {
				return provider.pkg, nil
			}
		}
	}

	texts := make([]string, len(group))
	for i, r := range group {
		texts[i] = r.String()
	}

	return nil, fmt.Errorf("%s %s depends on %s, which the suites do not have%s",
		p.Name, p.Version, strings.Join(texts, " | "), c.chain(p.Name))
}

// provided tells whether a provider meets the relation; one without a version
// never meets a condition on it.
func provided(r deb.Relation, p provider) bool {
	return r.Op == "" || (p.version != "" && r.Accepts(p.version))
}

// chain says why a package is in the closure.
func (c *computation) chain(name string) string {
	var b strings.Builder

	for by, ok := c.why[name]; ok; by, ok = c.why[by] {
		if b.Len() == 0 {
			b.WriteString(" (needed by ")
		} else {
			b.WriteString(", by ")
		}

		b.WriteString(by)
	}

	if b.Len() > 0 {
		b.WriteString(")")
	}

	return b.String()
}

// conflicts refuses a set whose packages could not be installed together.
func (c *computation) conflicts() error {
	names := make([]string, 0, len(c.chosen))
	for name := range c.chosen {
		names = append(names, name)
	}

	slices.Sort(names)

	for _, name := range names {
		for _, group := range c.chosen[name].Conflicts {
			for _, r := range group {
				if q := c.chosen[r.Name]; q != nil && r.Name != name && r.Accepts(q.Version) {
					return fmt.Errorf("%s%s and %s%s exclude each other: the former conflicts with %s",
						name, c.chain(name), q.Name, c.chain(q.Name), r)
				}

				for _, provider := range c.index.provides[r.Name] {
					if q := provider.pkg.Name; q != name && c.chosen[q] != nil && provided(r, provider) {
						return fmt.Errorf("%s%s and %s%s exclude each other: the former conflicts with %s, which the latter provides",
							name, c.chain(name), q, c.chain(q), r)
					}
				}
			}
		}
	}

	return nil
}

// UnknownError is a wanted package that the index lacks.
type UnknownError struct{ Name string }

// Error says so.
func (e *UnknownError) Error() string { return fmt.Sprintf("the suites have no package %s", e.Name) }
