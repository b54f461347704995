package sbom

import (
	"cmp"
	"crypto/sha1" //nolint:gosec // the package verification code is defined with SHA-1
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The JSON names are those of the SPDX 2.3 schema.
type (
	document struct {
		SPDXVersion   string          `json:"spdxVersion"`
		DataLicense   string          `json:"dataLicense"`
		ID            string          `json:"SPDXID"`
		Name          string          `json:"name"`
		Namespace     string          `json:"documentNamespace"`
		CreationInfo  creationInfo    `json:"creationInfo"`
		Packages      []pkg           `json:"packages"`
		Files         []file          `json:"files,omitempty"`
		Relationships []relationship  `json:"relationships"`
		Licenses      []extractedText `json:"hasExtractedLicensingInfos,omitempty"`
	}
	creationInfo struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	pkg struct {
		ID               string            `json:"SPDXID"`
		Name             string            `json:"name"`
		Version          string            `json:"versionInfo,omitempty"`
		FileName         string            `json:"packageFileName,omitempty"`
		Purpose          string            `json:"primaryPackagePurpose,omitempty"`
		Supplier         string            `json:"supplier"`
		DownloadLocation string            `json:"downloadLocation"`
		FilesAnalyzed    bool              `json:"filesAnalyzed"`
		VerificationCode *verificationCode `json:"packageVerificationCode,omitempty"`
		HasFiles         []string          `json:"hasFiles,omitempty"`
		Checksums        []checksum        `json:"checksums,omitempty"`
		Homepage         string            `json:"homepage,omitempty"`
		LicenseConcluded string            `json:"licenseConcluded"`
		LicenseDeclared  string            `json:"licenseDeclared"`
		Copyright        string            `json:"copyrightText"`
		Summary          string            `json:"summary,omitempty"`
		Comment          string            `json:"comment,omitempty"`
		SourceInfo       string            `json:"sourceInfo,omitempty"`
		ExternalRefs     []externalRef     `json:"externalRefs,omitempty"`
	}
	verificationCode struct {
		Value string `json:"packageVerificationCodeValue"`
	}
	checksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	externalRef struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	file struct {
		ID               string     `json:"SPDXID"`
		Name             string     `json:"fileName"`
		Checksums        []checksum `json:"checksums"`
		LicenseConcluded string     `json:"licenseConcluded"`
		Copyright        string     `json:"copyrightText"`
	}
	relationship struct {
		Element string `json:"spdxElementId"`
		Type    string `json:"relationshipType"`
		Related string `json:"relatedSpdxElement"`
	}
	extractedText struct {
		ID   string `json:"licenseId"`
		Text string `json:"extractedText"`
		Name string `json:"name"`
	}
)

const (
	documentID = "SPDXRef-DOCUMENT"
	imageID    = "SPDXRef-Image"
)

// SPDX writes the image's bill of materials as SPDX 2.3 JSON, indented, with a
// final newline. Errors are ErrInput with the package that is at fault.
func SPDX(image Image) ([]byte, error) {
	if err := image.check(); err != nil {
		return nil, err
	}

	license, err := expression(image.Licenses)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", image.Name, err)
	}

	b := &builder{sources: map[string]bool{}, refs: map[string]bool{}, modules: map[string]bool{}}
	b.relate(documentID, "DESCRIBES", imageID)
	b.image(image, license)

	for _, set := range []struct {
		list []Component
		tool bool
	}{{image.Components, false}, {image.Tools, true}} {
		for _, c := range sortedComponents(set.list) {
			if err := b.component(c, set.tool); err != nil {
				return nil, fmt.Errorf("package %s: %w", c.Name, err)
			}
		}
	}

	for _, p := range sortedPrograms(image.Programs) {
		b.program(p)
	}

	return b.document(image)
}

func sortedComponents(list []Component) []Component {
	return slices.SortedFunc(slices.Values(list), func(x, y Component) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Version, y.Version))
	})
}

func sortedSources(list []Source) []Source {
	return slices.SortedFunc(slices.Values(list), func(x, y Source) int { return cmp.Compare(x.URL, y.URL) })
}

// builder collects the parts of an SPDX document.
type builder struct {
	packages      []pkg
	files         []file
	relationships []relationship
	sources       map[string]bool // by SPDX identifier
	modules       map[string]bool // by SPDX identifier
	refs          map[string]bool // licences to be defined
}

func (b *builder) relate(element, kind, related string) {
	b.relationships = append(b.relationships, relationship{element, kind, related})
}

func (b *builder) image(image Image, license string) {
	p := newPackage(imageID, image.Name, image.Version, license, image.Supplier)
	p.Purpose = "CONTAINER"
	p.Homepage = image.Homepage

	if image.Platform != "" {
		p.Comment = "Platform: " + image.Platform
	}

	if image.Digest != "" {
		p.Checksums = []checksum{{"SHA256", strings.TrimPrefix(image.Digest, "sha256:")}}
	}

	if len(image.Files) > 0 {
		p.FilesAnalyzed = true
		p.VerificationCode = &verificationCode{b.addFiles(image.Files, &p)}
	}

	b.note(license)
	b.packages = append(b.packages, p)
}

// addFiles lists files and returns the package verification code: the SHA-1 of
// the sorted SHA-1 sums (clause 7.9).
func (b *builder) addFiles(files []File, p *pkg) string {
	var sums []string

	for _, f := range slices.SortedFunc(slices.Values(files), func(x, y File) int { return cmp.Compare(x.Path, y.Path) }) {
		id := "SPDXRef-File-" + shortID(f.Path, f.SHA256)
		sums = append(sums, f.SHA1)
		p.HasFiles = append(p.HasFiles, id)

		b.files = append(b.files, file{
			ID: id, Name: "." + f.Path,
			Checksums:        []checksum{{"SHA1", f.SHA1}, {"SHA256", f.SHA256}},
			LicenseConcluded: noAssertion, Copyright: noAssertion,
		})
	}

	slices.Sort(sums)

	code := sha1.Sum([]byte(strings.Join(sums, ""))) //nolint:gosec // as above

	return hex.EncodeToString(code[:])
}

func (b *builder) component(c Component, tool bool) error {
	license, err := expression(c.Licenses)
	if err != nil {
		return err
	}

	id := "SPDXRef-Package-" + shortID(c.Name, c.Version)

	p := newPackage(id, c.Name, c.Version, license, c.Supplier)
	p.Homepage, p.Summary = c.Homepage, c.Description

	if c.PURL != "" {
		p.ExternalRefs = append(p.ExternalRefs, externalRef{"PACKAGE-MANAGER", "purl", c.PURL})
	}

	if c.CPE != "" {
		p.ExternalRefs = append(p.ExternalRefs, externalRef{"SECURITY", "cpe23Type", c.CPE})
	}

	if len(c.Sources) == 1 {
		p.DownloadLocation = c.Sources[0].URL
	}

	b.note(license)
	b.packages = append(b.packages, p)

	if tool {
		b.relate(id, "BUILD_TOOL_OF", imageID)
	} else {
		b.relate(imageID, "CONTAINS", id)
	}

	for _, s := range sortedSources(c.Sources) {
		b.relate(id, "GENERATED_FROM", b.source(s, c, license))
	}

	return nil
}

// source lists an archive once, whoever uses it, and returns its identifier.
func (b *builder) source(s Source, c Component, license string) string {
	name := path.Base(s.URL)
	id := "SPDXRef-Source-" + shortID(name, s.SHA256)

	if b.sources[id] {
		return id
	}

	b.sources[id] = true

	p := newPackage(id, name, "", license, c.Supplier)
	p.FileName, p.Purpose, p.DownloadLocation = name, "SOURCE", s.URL
	p.Checksums = []checksum{{"SHA256", s.SHA256}}

	if s.SHA512 != "" {
		p.Checksums = append(p.Checksums, checksum{"SHA512", s.SHA512})
	}

	b.packages = append(b.packages, p)

	return id
}

// note remembers the licences that the document has to define.
func (b *builder) note(license string) {
	for _, ref := range licenseRefs(license) {
		b.refs[ref] = true
	}
}

func newPackage(id, name, version, license, supplier string) pkg {
	p := pkg{
		ID: id, Name: name, Version: version,
		Supplier: noAssertion, DownloadLocation: noAssertion,
		LicenseConcluded: noAssertion, LicenseDeclared: license, Copyright: noAssertion,
	}

	if supplier != "" {
		p.Supplier = "Organization: " + supplier //nolint:misspell // the format's word
	}

	return p
}

func (b *builder) document(image Image) ([]byte, error) {
	doc := document{
		SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", ID: documentID,
		Name: strings.Trim(image.Name+"-"+image.Version, "-"),
		CreationInfo: creationInfo{
			Created:  image.Created.UTC().Format(time.RFC3339),
			Creators: []string{"Tool: " + cmp.Or(image.Tool, "akmon")},
		},
		Packages: b.packages, Files: b.files, Relationships: b.relationships,
	}

	for ref := range b.refs {
		doc.Licenses = append(doc.Licenses, extractedText{
			ID: ref, Name: strings.TrimPrefix(ref, "LicenseRef-"),
			Text: "The licence text comes with the package's sources.",
		})
	}

	slices.SortFunc(doc.Licenses, func(x, y extractedText) int { return cmp.Compare(x.ID, y.ID) })

	content, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("write SPDX: %w", err)
	}

	doc.Namespace = namespace(doc.Name, image.Digest, content)

	out, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write SPDX: %w", err)
	}

	return append(out, '\n'), nil
}

// namespace is unique to the image and what the document says about it (clause
// 6.5): the form that the specification suggests, with a UUID made of a digest
// (RFC 9562, version 8) instead of a random one.
func namespace(name, digest string, content []byte) string {
	return "https://spdx.org/spdxdocs/" + idSafe(name) + "-" + uuid(digest, content)
}

func uuid(digest string, content []byte) string {
	sum := sha256.Sum256(append([]byte(digest+"\n"), content...))
	u := sum[:16]
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80

	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

var unsafe = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

func idSafe(text string) string { return strings.Trim(unsafe.ReplaceAllString(text, "-"), "-") }

// shortID is readable, unique and stable.
func shortID(name, more string) string {
	sum := sha256.Sum256([]byte(name + "\x00" + more))

	return idSafe(name) + "-" + hex.EncodeToString(sum[:6])
}
