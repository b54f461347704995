package sbom

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// CycloneDX writes the image's bill of materials as CycloneDX 1.6 JSON (ECMA-424),
// indented, with a final newline. It says what the SPDX document says: the
// image is the metadata's component; what it contains, what is linked into
// its programs, and its files are components; build tools have the scope
// "excluded"; sources are references of what was made from them. Errors are as
// in SPDX.
func CycloneDX(image Image) ([]byte, error) {
	if err := image.check(); err != nil {
		return nil, err
	}

	b := cycloneBuilder{
		components: []cdx.Component{}, dependencies: []cdx.Dependency{}, // null is not an array
		modules: map[string]bool{},
	}

	subject, err := b.subject(image)
	if err != nil {
		return nil, err
	}

	if err := b.packages(image.Components, ""); err != nil {
		return nil, err
	}

	b.programs(image.Programs)

	if err := b.packages(image.Tools, cdx.ScopeExcluded); err != nil {
		return nil, err
	}

	b.files(image.Files)
	b.depends(subject.BOMRef, b.contains)
	slices.SortFunc(b.dependencies, func(x, y cdx.Dependency) int { return cmp.Compare(x.Ref, y.Ref) })

	bom := cdx.NewBOM()
	bom.SpecVersion, bom.JSONSchema = cdx.SpecVersion1_6, "http://cyclonedx.org/schema/bom-1.6.schema.json"
	bom.Metadata = &cdx.Metadata{
		Timestamp: image.Created.UTC().Format(time.RFC3339),
		Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{{
			Type: cdx.ComponentTypeApplication, Name: cmp.Or(image.Tool, "akmon"),
		}}},
		Component: &subject,
	}
	bom.Components, bom.Dependencies = &b.components, &b.dependencies

	content, err := json.Marshal(bom)
	if err != nil {
		return nil, fmt.Errorf("write CycloneDX: %w", err)
	}

	bom.SerialNumber = "urn:uuid:" + uuid(image.Digest, content)

	var out bytes.Buffer
	if err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).Encode(bom); err != nil {
		return nil, fmt.Errorf("write CycloneDX: %w", err)
	}

	return out.Bytes(), nil
}

// cycloneBuilder collects the parts of a document.
type cycloneBuilder struct {
	components   []cdx.Component
	dependencies []cdx.Dependency
	modules      map[string]bool // by bom-ref
	contains     []string        // bom-refs of what is in the image itself
}

func (b *cycloneBuilder) depends(ref string, on []string) {
	if len(on) == 0 {
		return
	}

	on = slices.Clone(on)
	slices.Sort(on)
	b.dependencies = append(b.dependencies, cdx.Dependency{Ref: ref, Dependencies: &on})
}

func (b *cycloneBuilder) subject(image Image) (cdx.Component, error) {
	c := cdx.Component{
		BOMRef: "image", Type: cdx.ComponentTypeContainer, Name: image.Name, Version: image.Version,
		Supplier: organisation(image.Supplier), ExternalReferences: website(image.Homepage, nil),
	}

	var err error
	if c.Licenses, err = cycloneLicenses(image.Licenses); err != nil {
		return c, fmt.Errorf("image %s: %w", image.Name, err)
	}

	if image.Digest != "" {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: strings.TrimPrefix(image.Digest, "sha256:")}}
	}

	if image.Platform != "" {
		c.Properties = &[]cdx.Property{{Name: "akmon:platform", Value: image.Platform}}
	}

	return c, nil
}

func (b *cycloneBuilder) packages(list []Component, scope cdx.Scope) error {
	for _, in := range sortedComponents(list) {
		licenses, err := cycloneLicenses(in.Licenses)
		if err != nil {
			return fmt.Errorf("package %s: %w", in.Name, err)
		}

		ref := "package-" + shortID(in.Name, in.Version)
		if scope == "" {
			b.contains = append(b.contains, ref)
		}

		b.components = append(b.components, cdx.Component{
			BOMRef: ref, Type: cdx.ComponentTypeLibrary,
			Name: in.Name, Version: in.Version, Description: in.Description, Scope: scope,
			Supplier: organisation(in.Supplier), Licenses: licenses, CPE: in.CPE, PackageURL: in.PURL,
			ExternalReferences: website(in.Homepage, in.Sources),
		})
	}

	return nil
}

func (b *cycloneBuilder) programs(list []Program) {
	var modules []Module

	for _, p := range sortedPrograms(list) {
		c := cdx.Component{
			BOMRef: "program-" + shortID(p.Name, p.Location), Type: cdx.ComponentTypeApplication,
			Name: p.Name, Version: p.Version, PackageURL: p.PURL(),
			Evidence: &cdx.Evidence{Occurrences: &[]cdx.EvidenceOccurrence{{Location: p.Location}}},
		}
		b.components = append(b.components, c)
		b.contains = append(b.contains, c.BOMRef)

		var linked []string
		for _, m := range p.Modules {
			linked = append(linked, moduleRef(m))
		}

		b.depends(c.BOMRef, slices.Compact(slices.Sorted(slices.Values(linked))))

		modules = append(modules, p.Modules...)
	}

	for _, m := range sortedModules(modules) {
		ref := moduleRef(m)
		if b.modules[ref] {
			continue
		}

		b.modules[ref] = true

		c := cdx.Component{
			BOMRef: ref, Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version,
			PackageURL: m.PURL(), CPE: m.cpe(),
		}

		if m.Sum != "" {
			c.Properties = &[]cdx.Property{{Name: "akmon:go.sum", Value: m.Sum}}
		}

		if m.stdlib() {
			c.Licenses = &cdx.Licenses{{Expression: goLicense}}
		}

		b.components = append(b.components, c)
	}
}

func moduleRef(m Module) string { return "module-" + shortID(m.Path, m.Version+m.Sum) }

func (b *cycloneBuilder) files(list []File) {
	for _, f := range slices.SortedFunc(slices.Values(list), func(x, y File) int { return cmp.Compare(x.Path, y.Path) }) {
		b.components = append(b.components, cdx.Component{
			BOMRef: "file-" + shortID(f.Path, f.SHA256), Type: cdx.ComponentTypeFile, Name: f.Path,
			Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA1, Value: f.SHA1}, {Algorithm: cdx.HashAlgoSHA256, Value: f.SHA256}},
		})
	}
}

// cycloneLicenses are one expression, which needs no identifier to be on the
// list of the format's version.
func cycloneLicenses(list []string) (*cdx.Licenses, error) {
	text, err := expression(list)
	if err != nil || text == noAssertion {
		return nil, err
	}

	return &cdx.Licenses{{Expression: text}}, nil
}

func organisation(name string) *cdx.OrganizationalEntity { //nolint:misspell // the format's word
	if name == "" {
		return nil
	}

	return &cdx.OrganizationalEntity{Name: name} //nolint:misspell // as above
}

// website lists a homepage and the archives of sources.
func website(homepage string, sources []Source) *[]cdx.ExternalReference {
	var refs []cdx.ExternalReference

	if homepage != "" {
		refs = append(refs, cdx.ExternalReference{URL: homepage, Type: cdx.ERTypeWebsite})
	}

	for _, s := range sortedSources(sources) {
		hashes := []cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: s.SHA256}}
		if s.SHA512 != "" {
			hashes = append(hashes, cdx.Hash{Algorithm: cdx.HashAlgoSHA512, Value: s.SHA512})
		}

		refs = append(refs, cdx.ExternalReference{URL: s.URL, Type: cdx.ERTypeSourceDistribution, Hashes: &hashes})
	}

	if len(refs) == 0 {
		return nil
	}

	return &refs
}
