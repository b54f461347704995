package sbom

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
)

// goLicense is that of Go's own library; those of other modules are not known
// from the programs.
const goLicense = "BSD-3-Clause"

// PURL is the module's package URL (package-url/purl-spec, type golang, whose
// names are lower case).
func (m Module) PURL() string {
	return strings.TrimSuffix("pkg:golang/"+strings.ToLower(m.Path)+"@"+url.QueryEscape(m.Version), "@")
}

func (m Module) stdlib() bool { return m.Path == "stdlib" }

// cpe is the name by which vulnerabilities of Go itself are filed, "" for other
// modules.
func (m Module) cpe() string {
	if !m.stdlib() || m.Version == "" {
		return ""
	}

	return "cpe:2.3:a:golang:go:" + m.Version + ":-:*:*:*:*:*:*"
}

// PURL is the package URL of the program's main package, "" if its module is
// not known.
func (p Program) PURL() string {
	if p.Module == "" {
		return ""
	}

	purl := Module{Path: p.Module, Version: p.Version}.PURL()
	if sub := strings.TrimPrefix(strings.TrimPrefix(p.Name, p.Module), "/"); sub != "" {
		purl += "#" + sub
	}

	return purl
}

func sortedPrograms(programs []Program) []Program {
	return slices.SortedFunc(slices.Values(programs), func(x, y Program) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Location, y.Location))
	})
}

func sortedModules(modules []Module) []Module {
	return slices.SortedFunc(slices.Values(modules), func(x, y Module) int {
		return cmp.Or(cmp.Compare(x.Path, y.Path), cmp.Compare(x.Version, y.Version), cmp.Compare(x.Sum, y.Sum))
	})
}

// program adds a program and the modules in it to an SPDX document.
func (b *builder) program(p Program) {
	id := "SPDXRef-Program-" + shortID(p.Name, p.Location)

	out := newPackage(id, p.Name, p.Version, noAssertion, "")
	out.FileName, out.Purpose = p.Location, "APPLICATION"
	out.ExternalRefs = purlRef(p.PURL())

	b.packages = append(b.packages, out)
	b.relate(imageID, "CONTAINS", id)

	for _, m := range sortedModules(p.Modules) {
		b.relate(id, "STATIC_LINK", b.module(m))
	}
}

// module lists a module once, however many programs have it.
func (b *builder) module(m Module) string {
	id := "SPDXRef-Module-" + shortID(m.Path, m.Version+m.Sum)
	if b.modules[id] {
		return id
	}

	b.modules[id] = true

	p := newPackage(id, m.Path, m.Version, noAssertion, "")
	p.Purpose = "LIBRARY"

	if m.stdlib() {
		p.LicenseDeclared = goLicense
	}

	p.ExternalRefs = purlRef(m.PURL())

	if m.Sum != "" {
		p.SourceInfo = sumInfo + m.Sum
	}

	if cpe := m.cpe(); cpe != "" {
		p.ExternalRefs = append(p.ExternalRefs, externalRef{"SECURITY", "cpe23Type", cpe})
	}

	b.packages = append(b.packages, p)

	return id
}

// sumInfo comes before the sum of a module: it is that of a list of sums, none
// of those that the format has names for.
const sumInfo = "go.sum: "

func purlRef(purl string) []externalRef {
	if purl == "" {
		return nil
	}

	return []externalRef{{"PACKAGE-MANAGER", "purl", purl}}
}

// Licenses are what is known of the module's licence: that of Go's library.
func (m Module) Licenses() []string {
	if m.stdlib() {
		return []string{goLicense}
	}

	return nil
}
