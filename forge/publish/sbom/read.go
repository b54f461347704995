package sbom

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Read reads an SPDX 2 document in JSON: what SPDX wrote comes back as it was,
// apart from order. Of documents by others it takes the packages: the one that
// the document describes is the image, the rest are its components, whichever way
// they are related to it. Errors are ErrInput.
func Read(data []byte) (Image, error) {
	var doc document
	if err := json.Unmarshal(data, &doc); err != nil {
		return Image{}, fmt.Errorf("%w: read SPDX: %w", ErrInput, err)
	}

	if !strings.HasPrefix(doc.SPDXVersion, "SPDX-2.") {
		return Image{}, fmt.Errorf("%w: read SPDX: the version is %q, not SPDX-2.x", ErrInput, doc.SPDXVersion)
	}

	r := spdxReader{byID: map[string]*pkg{}, related: map[[2]string][]string{}}

	for i := range doc.Packages {
		r.byID[doc.Packages[i].ID] = &doc.Packages[i]
	}

	for _, rel := range doc.Relationships {
		key := [2]string{rel.Element, rel.Type}
		r.related[key] = append(r.related[key], rel.Related)
	}

	image := r.image(&doc)

	for _, f := range doc.Files {
		image.Files = append(image.Files, File{
			Path: "/" + strings.TrimPrefix(strings.TrimPrefix(f.Name, "."), "/"),
			SHA1: sumOf(f.Checksums, "SHA1"), SHA256: sumOf(f.Checksums, "SHA256"),
		})
	}

	return image, nil
}

type spdxReader struct {
	byID    map[string]*pkg
	related map[[2]string][]string // by element and kind of relationship
}

func (r *spdxReader) image(doc *document) Image {
	image := Image{Name: doc.Name}
	image.Created, _ = time.Parse(time.RFC3339, doc.CreationInfo.Created)

	for _, by := range doc.CreationInfo.Creators {
		if tool, ok := strings.CutPrefix(by, "Tool: "); ok {
			image.Tool = cmp.Or(image.Tool, tool)
		}
	}

	// What isn't a component.
	taken := map[string]bool{}

	for _, id := range r.related[[2]string{documentID, "DESCRIBES"}] {
		if p := r.byID[id]; p != nil && len(taken) == 0 {
			taken[id] = true
			image.Name, image.Version = p.Name, p.Version
			image.Homepage, image.Supplier, image.Licenses = p.Homepage, supplier(p), licenses(p)
			image.Platform = strings.TrimPrefix(p.Comment, "Platform: ")

			if sum := sumOf(p.Checksums, "SHA256"); sum != "" {
				image.Digest = "sha256:" + sum
			}
		}
	}

	tool := map[string]bool{}

	for key, ids := range r.related {
		switch key[1] {
		case "BUILD_TOOL_OF":
			tool[key[0]] = true
		case "GENERATED_FROM", "STATIC_LINK":
			for _, id := range ids {
				taken[id] = true
			}
		}
	}

	for i := range doc.Packages {
		p := &doc.Packages[i]

		switch links := r.related[[2]string{p.ID, "STATIC_LINK"}]; {
		case taken[p.ID]:
		case len(links) > 0 || p.Purpose == "APPLICATION" && p.FileName != "":
			image.Programs = append(image.Programs, r.program(p, links))
		case tool[p.ID]:
			image.Tools = append(image.Tools, r.component(p))
		default:
			image.Components = append(image.Components, r.component(p))
		}
	}

	return image
}

func (r *spdxReader) component(p *pkg) Component {
	c := Component{
		Name: p.Name, Version: p.Version, Licenses: licenses(p), Supplier: supplier(p),
		Homepage: p.Homepage, Description: p.Summary,
		PURL: p.ref("purl"), CPE: p.ref("cpe23Type"),
	}

	for _, id := range r.related[[2]string{p.ID, "GENERATED_FROM"}] {
		if s := r.byID[id]; s != nil {
			c.Sources = append(c.Sources, Source{
				URL: s.DownloadLocation, SHA256: sumOf(s.Checksums, "SHA256"), SHA512: sumOf(s.Checksums, "SHA512"),
			})
		}
	}

	return c
}

func (r *spdxReader) program(p *pkg, links []string) Program {
	out := Program{Name: p.Name, Version: p.Version, Location: p.FileName}

	// pkg:golang/MODULE@VERSION#PACKAGE
	if module, ok := strings.CutPrefix(p.ref("purl"), "pkg:golang/"); ok {
		module, _, _ = strings.Cut(module, "#")
		module, _, _ = strings.Cut(module, "@")
		out.Module = module

		// The URL is in lower case, the name isn't.
		if len(p.Name) >= len(module) && strings.EqualFold(p.Name[:len(module)], module) {
			out.Module = p.Name[:len(module)]
		}
	}

	for _, id := range links {
		if m := r.byID[id]; m != nil {
			out.Modules = append(out.Modules, Module{
				Path: m.Name, Version: m.Version, Sum: strings.TrimPrefix(m.SourceInfo, sumInfo),
			})
		}
	}

	return out
}

func (p *pkg) ref(kind string) string {
	for _, ref := range p.ExternalRefs {
		if ref.Type == kind {
			return ref.Locator
		}
	}

	return ""
}

func licenses(p *pkg) []string {
	if p.LicenseDeclared == "" || p.LicenseDeclared == noAssertion {
		return nil
	}

	return []string{p.LicenseDeclared}
}

func supplier(p *pkg) string {
	if p.Supplier == noAssertion {
		return ""
	}

	return strings.TrimPrefix(p.Supplier, "Organization: ") //nolint:misspell // the format's word
}

func sumOf(sums []checksum, algorithm string) string {
	for _, s := range sums {
		if s.Algorithm == algorithm {
			return s.Value
		}
	}

	return ""
}

// Merge puts together what is known of one image: several documents about it,
// or those of the platforms of an index. The first one's own words count. What
// is listed more than once, by name and version, is listed once; files are
// told apart by path and sum.
func Merge(images ...Image) Image {
	if len(images) == 0 {
		return Image{}
	}

	all := images[0]

	var platforms []string

	for i, image := range images {
		platforms = append(platforms, strings.Split(image.Platform, ",")...)

		if i > 0 {
			all.Components = append(slices.Clip(all.Components), image.Components...)
			all.Tools = append(slices.Clip(all.Tools), image.Tools...)
			all.Programs = append(slices.Clip(all.Programs), image.Programs...)
			all.Files = append(slices.Clip(all.Files), image.Files...)
		}
	}

	slices.Sort(platforms)
	all.Platform = strings.Trim(strings.Join(slices.Compact(platforms), ","), ",")

	listed := map[string]bool{}
	all.Components = unique(all.Components, listed, Component.key)
	all.Tools = unique(all.Tools, listed, Component.key)
	all.Programs = unique(all.Programs, listed, func(p Program) string { return p.Name + " in " + p.Location })
	all.Files = unique(all.Files, listed, func(f File) string { return f.Path + " " + f.SHA256 })

	return all
}

func (c Component) key() string { return c.Name + "@" + c.Version }

// unique leaves out what is listed already.
func unique[T any](list []T, listed map[string]bool, key func(T) string) []T {
	return slices.DeleteFunc(slices.Clone(list), func(x T) bool {
		k := key(x)
		again := listed[k]
		listed[k] = true

		return again
	})
}
