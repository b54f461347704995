package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/publish"
	"github.com/akmon-os/akmon/forge/publish/sbom"
)

func newSBOM() *cobra.Command {
	var (
		platforms       []string
		licenses, files bool
		format          string
		opts            publish.Options
	)

	cmd := &cobra.Command{
		Use:   "sbom IMAGE",
		Short: "Show what an image is made of",
		Long: `Show the bill of materials that is attached to an image: its packages, the Go
programs in it and the modules linked into those, and what built it. IMAGE is a
reference in a registry, or oci:DIR or a tar file for an OCI layout. Of an
image for several platforms it is that of all, unless there is a --platform.

The documents are checked against their digests; akmon verify checks who signed.`,
		Example: `  akmon sbom oci:_out/installer
  akmon sbom oci:_out/installer --licenses
  akmon sbom registry.example.com/akmon/installer:v0.1.0 --files
  akmon sbom oci:_out/installer -o cyclonedx >installer.cdx.json
  akmon sbom oci:_out/installer -o json | jq -r '.entries[] | select(.kind == "module") | .purl'`,
		Args: exactArgs("IMAGE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			write, err := sbomWriter(format, licenses, files)
			if err != nil {
				return usageError{err}
			}

			wanted, err := forge.ParsePlatforms(platforms)
			if err != nil {
				return usageError{fmt.Errorf("--platform: %w", err)}
			}

			image, err := forge.SBOM(cmd.Context(), args[0], wanted, opts)
			if err != nil {
				return err
			}

			return write(cmd.OutOrStdout(), image)
		},
	}
	cmd.Flags().BoolVar(&licenses, "licenses", false, "list the licences, and what is under each")
	cmd.Flags().BoolVar(&files, "files", false, "list the files with their SHA-256 sums")
	cmd.Flags().StringSliceVar(&platforms, "platform", nil, "platforms of an image for several, such as linux/arm64 (default all)")
	cmd.Flags().BoolVar(&opts.Insecure, "insecure", false, "allow plain HTTP and unverified TLS")
	outputFormat(cmd, &format, "text", "spdx", "cyclonedx", "json")

	return cmd
}

// sbomWriter picks what is shown, and how.
func sbomWriter(format string, licenses, files bool) (func(io.Writer, sbom.Image) error, error) {
	document := func(marshal func(sbom.Image) ([]byte, error)) func(io.Writer, sbom.Image) error {
		return func(w io.Writer, image sbom.Image) error {
			data, err := marshal(image)
			if err != nil {
				return err
			}

			_, err = w.Write(data)

			return err
		}
	}

	switch {
	case licenses && files:
		return nil, fmt.Errorf("--licenses and --files are two lists; ask for one")
	case format == "spdx" || format == "cyclonedx":
		if licenses || files {
			return nil, fmt.Errorf("--output %s is the whole document; --licenses and --files are for text and json", format)
		}

		if format == "spdx" {
			return document(sbom.SPDX), nil
		}

		return document(sbom.CycloneDX), nil
	case format != "text" && format != "json":
		return nil, fmt.Errorf("--output %q is not text, spdx, cyclonedx or json", format)
	}

	return func(w io.Writer, image sbom.Image) error {
		switch view := newSBOMView(image); {
		case licenses && format == "json":
			return writeJSON(w, view.byLicense())
		case licenses:
			return writeLicenses(w, view.byLicense())
		case files && format == "json":
			return writeJSON(w, view.Files)
		case files:
			for _, f := range view.Files {
				fmt.Fprintf(w, "%s  %s\n", f.SHA256, f.Path)
			}

			return nil
		case format == "json":
			return writeJSON(w, view)
		default:
			return writeEntries(w, view.Entries)
		}
	}, nil
}

// sbomView is a bill of materials as a flat list.
type sbomView struct {
	Name     string      `json:"name"`
	Version  string      `json:"version,omitempty"`
	Digest   string      `json:"digest,omitempty"`
	Platform string      `json:"platform,omitempty"`
	Entries  []sbomEntry `json:"entries"`
	Files    []sbomFile  `json:"files"`
}

type sbomEntry struct {
	// Kind is package, program, module or tool.
	Kind     string   `json:"kind"`
	Name     string   `json:"name"`
	Version  string   `json:"version,omitempty"`
	Licenses []string `json:"licenses,omitempty"`
	PURL     string   `json:"purl,omitempty"`
	// In is where a program is, or the programs that a module is linked into.
	In []string `json:"in,omitempty"`
}

type sbomFile struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

func newSBOMView(image sbom.Image) sbomView {
	view := sbomView{
		Name: image.Name, Version: image.Version, Digest: image.Digest, Platform: image.Platform,
		Entries: []sbomEntry{}, Files: []sbomFile{},
	}

	for _, c := range image.Components {
		view.Entries = append(view.Entries, sbomEntry{"package", c.Name, c.Version, c.Licenses, c.PURL, nil})
	}

	modules := map[string]int{}

	for _, p := range image.Programs {
		view.Entries = append(view.Entries, sbomEntry{"program", p.Name, p.Version, nil, p.PURL(), []string{p.Location}})
	}

	for _, p := range image.Programs {
		for _, m := range p.Modules {
			i, ok := modules[m.PURL()]
			if !ok {
				i = len(view.Entries)
				modules[m.PURL()] = i
				view.Entries = append(view.Entries, sbomEntry{"module", m.Path, m.Version, m.Licenses(), m.PURL(), nil})
			}

			if e := &view.Entries[i]; !slices.Contains(e.In, p.Name) {
				e.In = append(e.In, p.Name)
			}
		}
	}

	for _, c := range image.Tools {
		view.Entries = append(view.Entries, sbomEntry{"tool", c.Name, c.Version, c.Licenses, c.PURL, nil})
	}

	kinds := []string{"package", "program", "module", "tool"}
	slices.SortStableFunc(view.Entries, func(a, b sbomEntry) int {
		if a.Kind != b.Kind {
			return slices.Index(kinds, a.Kind) - slices.Index(kinds, b.Kind)
		}

		return strings.Compare(a.Name, b.Name)
	})

	for _, f := range image.Files {
		view.Files = append(view.Files, sbomFile{f.Path, f.SHA256})
	}

	return view
}

// sbomLicense is what is under one licence.
type sbomLicense struct {
	License string   `json:"license"`
	Names   []string `json:"names"`
}

// unknownLicense stands where nobody has said.
const unknownLicense = "unknown"

// byLicense groups what is in the image, without what only built it. A
// program's licence is that of the package that it is in.
func (v sbomView) byLicense() []sbomLicense {
	groups := map[string][]string{}

	for _, e := range v.Entries {
		if e.Kind == "tool" || e.Kind == "program" {
			continue
		}

		license := strings.Join(e.Licenses, " AND ")
		if license == "" {
			license = unknownLicense
		}

		groups[license] = append(groups[license], strings.TrimSpace(e.Name+" "+e.Version))
	}

	list := []sbomLicense{}
	for license, names := range groups {
		list = append(list, sbomLicense{license, names})
	}

	// What nobody knows comes last.
	slices.SortFunc(list, func(a, b sbomLicense) int {
		if (a.License == unknownLicense) != (b.License == unknownLicense) {
			if a.License == unknownLicense {
				return 1
			}

			return -1
		}

		return strings.Compare(a.License, b.License)
	})

	return list
}

func writeLicenses(w io.Writer, list []sbomLicense) error {
	for _, l := range list {
		fmt.Fprintf(w, "%s (%d)\n", l.License, len(l.Names))

		for _, name := range l.Names {
			fmt.Fprintf(w, "  %s\n", name)
		}
	}

	return nil
}

func writeEntries(w io.Writer, entries []sbomEntry) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "KIND\tNAME\tVERSION\tLICENCE")

	for _, e := range entries {
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", e.Kind, e.Name, e.Version, strings.Join(e.Licenses, " AND "))
	}

	return out.Flush()
}
