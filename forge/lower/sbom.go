package lower

import (
	"fmt"
	"regexp"
	"time"

	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// The parts of an SPDX 2.3 document (spdx.github.io/spdx-spec/v2.3, JSON
// schema) that describe one package and the files it was made from.
type (
	spdxDocument struct {
		Version       string             `json:"spdxVersion"`
		DataLicense   string             `json:"dataLicense"`
		ID            string             `json:"SPDXID"`
		Name          string             `json:"name"`
		Namespace     string             `json:"documentNamespace"`
		Creation      spdxCreation       `json:"creationInfo"`
		Packages      []spdxPackage      `json:"packages"`
		Relationships []spdxRelationship `json:"relationships"`
	}
	spdxCreation struct {
		Creators []string `json:"creators"`
		Created  string   `json:"created"`
	}
	spdxPackage struct {
		Name             string         `json:"name"`
		ID               string         `json:"SPDXID"`
		Version          string         `json:"versionInfo,omitempty"`
		Supplier         string         `json:"supplier"`
		DownloadLocation string         `json:"downloadLocation"`
		FilesAnalyzed    bool           `json:"filesAnalyzed"`
		Homepage         string         `json:"homepage,omitempty"`
		Checksums        []spdxChecksum `json:"checksums,omitempty"`
		LicenseConcluded string         `json:"licenseConcluded"`
		LicenseDeclared  string         `json:"licenseDeclared"`
		Copyright        string         `json:"copyrightText"`
		ExternalRefs     []spdxRef      `json:"externalRefs,omitempty"`
	}
	// spdxFile is what is written.
	spdxFile struct {
		*spdxDocument

		Licenses []spdxLicense `json:"hasExtractedLicensingInfos,omitempty"`
	}
	spdxLicense struct {
		ID   string `json:"licenseId"`
		Text string `json:"extractedText"`
	}
	spdxChecksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	spdxRef struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	spdxRelationship struct {
		Element string `json:"spdxElementId"`
		Related string `json:"relatedSpdxElement"`
		Type    string `json:"relationshipType"`
	}
)

const noAssertion = "NOASSERTION"

// notID are the characters that an SPDX identifier may not have.
var notID = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// spdx describes a package as the sbom of its step says, with the package's
// own words where that says nothing. Sources of every step are listed.
func spdx(p *pkgtree.Package, step *pkgtree.Step, epoch time.Time) *spdxFile {
	name, version, licenses := step.SBOM.Name, step.SBOM.Version, step.SBOM.Licenses
	if name == "" {
		name = p.Name
	}

	if version == "" {
		version = p.Version
	}

	if len(licenses) == 0 {
		licenses = p.Licenses
	}

	var extracted []spdxLicense

	for _, custom := range step.SBOM.CustomLicenses {
		licenses = append(licenses[:len(licenses):len(licenses)], custom.ID)
		extracted = append(extracted, spdxLicense{custom.ID, custom.Text})
	}

	declared := noAssertion
	if len(licenses) > 0 {
		declared = pkgtree.LicenseExpression(licenses)
	}

	main := spdxPackage{
		Name: name, ID: "SPDXRef-Package-" + notID.ReplaceAllString(name, "-"), Version: version, Supplier: noAssertion,
		DownloadLocation: noAssertion, Homepage: p.Homepage,
		LicenseConcluded: noAssertion, LicenseDeclared: declared, Copyright: noAssertion,
	}

	for _, cpe := range step.SBOM.CPEs {
		main.ExternalRefs = append(main.ExternalRefs, spdxRef{"SECURITY", "cpe23Type", cpe})
	}

	if step.SBOM.PURL != "" {
		main.ExternalRefs = append(main.ExternalRefs, spdxRef{"PACKAGE-MANAGER", "purl", step.SBOM.PURL})
	}

	doc := &spdxDocument{
		Version: "SPDX-2.3", DataLicense: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: name,
		Creation:      spdxCreation{Creators: []string{"Tool: akmon"}, Created: epoch.UTC().Format(time.RFC3339)},
		Packages:      []spdxPackage{main},
		Relationships: []spdxRelationship{{"SPDXRef-DOCUMENT", main.ID, "DESCRIBES"}},
	}

	for _, s := range p.Steps {
		for _, source := range s.Sources {
			if source.Location() != "" {
				doc.addSource(main.ID, source)
			}
		}
	}

	// The namespace must be unique to the document's content.
	content := fmt.Append(nil, *doc)
	if len(extracted) > 0 {
		content = fmt.Append(content, extracted)
	}

	doc.Namespace = "https://akmon-os.org/spdx/" + doc.Name + "-" + sha256Hex(content)

	return &spdxFile{doc, extracted}
}

func (d *spdxDocument) addSource(of string, source pkgtree.Source) {
	sum, checksums := source.Digest(), []spdxChecksum{{"SHA256", source.Digest()}}
	if source.SHA512 != "" {
		checksums = append(checksums, spdxChecksum{"SHA512", source.SHA512})
	}

	p := spdxPackage{
		Name: sourceName(&source), ID: fmt.Sprintf("SPDXRef-Source-%s", sum), Supplier: noAssertion,
		DownloadLocation: source.Location(), Checksums: checksums,
		LicenseConcluded: noAssertion, LicenseDeclared: noAssertion, Copyright: noAssertion,
	}

	for _, known := range d.Packages {
		if known.ID == p.ID {
			return
		}
	}

	d.Packages = append(d.Packages, p)
	d.Relationships = append(d.Relationships, spdxRelationship{of, p.ID, "GENERATED_FROM"})
}
