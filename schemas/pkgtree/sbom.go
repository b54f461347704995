package pkgtree

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// CustomLicense is a licence that is described by its text.
type CustomLicense struct {
	// ID is what the SPDX document calls it: LicenseRef- and letters, digits,
	// dots and hyphens (SPDX 2.3, clause 10.1).
	ID string `yaml:"id"`
	// Text is the whole text of the licence.
	Text string `yaml:"text"`
}

var (
	licenseRef = regexp.MustCompile(`^LicenseRef-[A-Za-z0-9.-]+$`)
	// licenseWord matches the identifiers within an expression.
	licenseWord = regexp.MustCompile(`[A-Za-z0-9.:+-]+`)
)

// LicenseExpression is the one expression that licences, which are identifiers
// or expressions, make together (SPDX 2.3, annex D): all of them hold.
func LicenseExpression(licenses []string) string {
	parts := slices.Clone(licenses)

	for i, license := range parts {
		if len(parts) > 1 && strings.Contains(strings.ToUpper(license), " OR ") {
			parts[i] = "(" + license + ")"
		}
	}

	return strings.Join(parts, " AND ")
}

// UnmarshalYAML decodes and checks the description.
func (s *SBOM) UnmarshalYAML(n *yaml.Node) error {
	type plain SBOM

	c := decode(n, (*plain)(s))

	if n.Kind != yaml.MappingNode {
		return c.err()
	}

	if !path.IsAbs(s.OutputPath) && c.clean("outputPath") && !c.misspelt("outputPath") {
		c.fail([]string{"outputPath"}, "outputPath must be an absolute path in the build")
	}

	c.noEmptyEntries("customLicenses")

	for i, cpe := range s.CPEs {
		if !strings.HasPrefix(cpe, "cpe:2.3:") && !strings.HasPrefix(cpe, "cpe:/") {
			c.failEntry("cpes", i, "%q is not a CPE: it begins with cpe:2.3:", cpe)
		}
	}

	seen := map[string]bool{}

	for _, expression := range s.Licenses {
		for _, word := range licenseWord.FindAllString(expression, -1) {
			seen[word] = true
		}
	}

	for i, custom := range s.CustomLicenses {
		if custom.ID != "" && seen[custom.ID] {
			c.failEntry("customLicenses", i, "the licence %s is already there", custom.ID)
		}

		seen[custom.ID] = true
	}

	return c.err()
}

// UnmarshalYAML decodes and checks the licence.
func (l *CustomLicense) UnmarshalYAML(n *yaml.Node) error {
	type plain CustomLicense

	c := decode(n, (*plain)(l))

	if n.Kind != yaml.MappingNode {
		return c.err()
	}

	if !licenseRef.MatchString(l.ID) && c.clean("id") {
		c.fail([]string{"id"}, "%q is not the id of a custom licence: write LicenseRef- and letters, digits, dots and hyphens", l.ID)
	}

	if strings.TrimSpace(l.Text) == "" && c.clean("text") {
		c.fail([]string{"text"}, "the licence has no text")
	}

	return c.err()
}
