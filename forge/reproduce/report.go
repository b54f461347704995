package reproduce

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/akmon-os/akmon/forge/reproduce/diff"
)

// Verdict is the outcome for one image.
type Verdict string

const (
	// Identical images have the same digest.
	Identical Verdict = "identical"
	// Explained images differ only where it is known that they do, and why.
	Explained Verdict = "explained"
	// Different images differ.
	Different Verdict = "different"
)

// Report is the outcome of a comparison.
type Report struct {
	// Conditions are what the two builds ran under; none with Against.
	Conditions []Condition `json:"conditions,omitempty"`
	Images     []Image     `json:"images"`
}

// Image is the outcome for one target and platform.
type Image struct {
	Target   string `json:"target"`
	Platform string `json:"platform"`
	// First and Second are the digests of the manifests. With Against the
	// first is the published image.
	First   string  `json:"first"`
	Second  string  `json:"second"`
	Verdict Verdict `json:"verdict"`
	// Packages are those in which differences begin, with the differences.
	Packages []Package `json:"packages,omitempty"`
	// Known are the differences that do not count.
	Known []diff.Difference `json:"known,omitempty"`
}

// Package is a package whose output differs.
type Package struct {
	Name string `json:"name"`
	// File is its recipe, relative to the root of the tree.
	File string `json:"file,omitempty"`

	diff.Result
}

// Reproducible says that no image is different.
func (r *Report) Reproducible() bool {
	return !slices.ContainsFunc(r.Images, func(i Image) bool { return i.Verdict == Different })
}

// WriteText prints the report for people.
func (r *Report) WriteText(w io.Writer) error {
	out := &printer{w: w}

	if len(r.Conditions) > 0 {
		out.printf("Built twice from nothing:\n")

		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)

		for _, c := range r.Conditions {
			switch {
			case c.Varied && c.Note != "":
				fmt.Fprintf(table, "  %s\t%s | %s (%s)\n", c.Name, c.First, c.Second, c.Note)
			case c.Varied:
				fmt.Fprintf(table, "  %s\t%s | %s\n", c.Name, c.First, c.Second)
			default:
				fmt.Fprintf(table, "  %s\tnot varied: %s\n", c.Name, c.Note)
			}
		}

		_ = table.Flush() // out keeps the error
	}

	for _, i := range r.Images {
		i.write(out)
	}

	return out.err
}

func (i Image) write(out *printer) {
	switch i.Verdict {
	case Identical:
		out.printf("%s %s: identical\n  %s\n", i.Target, i.Platform, i.First)
	case Explained:
		out.printf("%s %s: the same, but for what differs in every build\n  %s | %s\n", i.Target, i.Platform, i.First, i.Second)
	default:
		out.printf("%s %s: different\n  %s | %s\n", i.Target, i.Platform, i.First, i.Second)
	}

	for _, p := range i.Packages {
		if p.File == "" {
			out.printf("  package %s\n", p.Name)
		} else {
			out.printf("  package %s (%s)\n", p.Name, p.File)
		}

		for _, d := range p.Differences {
			if d.Known == "" {
				out.printf("    %s:\n      %s\n", d.Where(), strings.ReplaceAll(d.Text, "\n", "\n      "))
			}
		}

		if p.Omitted > 0 {
			out.printf("    and %d more\n", p.Omitted)
		}
	}

	// One line for each kind: there is a signature for each module.
	kinds := map[string][]diff.Difference{}
	for _, d := range i.Known {
		kinds[d.Known] = append(kinds[d.Known], d)
	}

	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		first := kinds[kind][0]
		out.printf("  %s: %s: %s\n", kind, first.Where(), first.Text)

		if n := len(kinds[kind]) - 1; n > 0 {
			out.printf("    and %d more like it\n", n)
		}
	}
}

// printer keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) Write(data []byte) (int, error) {
	if p.err == nil {
		_, p.err = p.w.Write(data)
	}

	return len(data), p.err
}

func (p *printer) printf(format string, args ...any) { fmt.Fprintf(p, format, args...) }
