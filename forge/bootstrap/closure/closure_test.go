package closure_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/bootstrap/archive"
	"github.com/akmon-os/akmon/forge/bootstrap/closure"
)

// index makes packages of lines "name version [priority]: field: value; …".
func index(t *testing.T, text string) []*closure.Package {
	t.Helper()

	var control strings.Builder

	for line := range strings.Lines(text) {
		head, fields, _ := strings.Cut(strings.TrimSpace(line), ":")

		words := strings.Fields(head)
		if len(words) < 2 {
			continue
		}

		control.WriteString("Package: " + words[0] + "\nVersion: " + words[1] + "\nArchitecture: all\nFilename: x\nSize: 1\nSHA256: " +
			strings.Repeat("0", 64) + "\n")

		if len(words) > 2 {
			control.WriteString("Priority: " + words[2] + "\n")
		}

		for field := range strings.SplitSeq(fields, ";") {
			if strings.TrimSpace(field) != "" {
				control.WriteString(strings.TrimSpace(field) + "\n")
			}
		}

		control.WriteString("\n")
	}

	packages, err := archive.ReadPackages(strings.NewReader(control.String()), "debian")
	if err != nil {
		t.Fatal(err)
	}

	return packages
}

func TestCompute(t *testing.T) {
	tests := []struct {
		name, index string
		wants       string
		without     string
		want        string
		err         string
		wantUnused  []string
	}{
		{name: "transitive and circular", index: `
			a 1: Depends: b, c (>= 2)
			b 1: Pre-Depends: d
			c 2: Depends: a
			d 1: Recommends: e; Suggests: f
			e 1`, wants: "a", want: "a b c d"},
		{name: "highest version", index: "a 1: Depends: nothing\na 2\na 2~", wants: "a", want: "a"},
		{name: "first alternative", index: "a 1: Depends: x | y\nx 1\ny 1", wants: "a", want: "a x"},
		{name: "chosen alternative", index: "a 1: Depends: x | y\nx 1\ny 1", wants: "a y", want: "a y"},
		{name: "second alternative by version", index: "a 1: Depends: x (>= 2) | y\nx 1\ny 1", wants: "a", want: "a y"},
		{name: "provider by priority, then name", index: `
			a 1: Depends: awk, sh
			gawk 1 optional: Provides: awk
			mawk 1 required: Provides: awk
			zsh 1 optional: Provides: sh
			bash 1 optional: Provides: sh`, wants: "a", want: "a bash mawk"},
		{name: "chosen provider", index: `
			a 1: Depends: awk
			gawk 1 optional: Provides: awk
			mawk 1 required: Provides: awk`, wants: "a gawk", want: "a gawk"},
		{name: "versioned provides", index: `
			a 1: Depends: lib (>= 2)
			x 1: Provides: lib
			y 1: Provides: lib (= 1)
			z 1: Provides: lib (= 3)`, wants: "a", want: "a z"},
		{name: "left out", index: "a 1: Depends: b, c\nb 1: Depends: d\nc 1\nd 1", wants: "a", without: "b zzz", want: "a c", wantUnused: []string{"zzz"}},
		{name: "left-out provider", index: "a 1: Depends: v\nb 1: Provides: v\nc 1: Provides: v", wants: "a", without: "b", want: "a c", wantUnused: []string{"b"}},
		{name: "alone", index: "a 1: Depends: b\nb 1\nc 1", wants: "a! c", want: "a c"},
		{name: "unknown", index: "a 1", wants: "b", err: "no package b"},
		{name: "unsatisfiable", index: "a 1: Depends: b\nb 1: Depends: c (>= 2) | d\nc 1", wants: "a",
			err: "b 1 depends on c (>= 2) | d, which the suites do not have (needed by a)"},
		{name: "conflict", index: "a 1: Depends: b, c\nb 1: Breaks: c (<< 2)\nc 1", wants: "a", err: "exclude each other"},
		{name: "old conflict", index: "a 1: Depends: b, c\nb 1: Breaks: c (<< 2)\nc 2", wants: "a", want: "a b c"},
		{name: "conflict with a virtual package", index: "a 1: Provides: mta; Conflicts: mta\nb 1: Provides: mta", wants: "a b", err: "which the latter provides"},
		{name: "conflict with itself", index: "a 1: Provides: mta; Conflicts: mta, a", wants: "a", want: "a"},
		{name: "architecture qualifier", index: "a 1: Depends: perl:any\nperl 1", wants: "a", want: "a perl"},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			packages := index(t, test.index)

			// The order of the index and of the wishes has no part in it.
			for seed := range uint64(5) {
				rng := rand.New(rand.NewPCG(seed, 0))
				rng.Shuffle(len(packages), func(i, j int) { packages[i], packages[j] = packages[j], packages[i] })

				var wants []closure.Want

				for name := range strings.FieldsSeq(test.wants) {
					name, alone := strings.CutSuffix(name, "!")
					wants = append(wants, closure.Want{Name: name, Alone: alone})
				}

				rng.Shuffle(len(wants), func(i, j int) { wants[i], wants[j] = wants[j], wants[i] })

				result, err := closure.NewIndex(packages).Compute(wants, strings.Fields(test.without))
				if test.err != "" {
					if err == nil || !strings.Contains(err.Error(), test.err) {
						t.Errorf("got %v, want %q", err, test.err)
					}

					continue
				}

				if err != nil {
					t.Fatal(err)
				}

				var names []string
				for _, p := range result.Packages {
					names = append(names, p.Name)
				}

				if diff := cmp.Diff(test.want, strings.Join(names, " ")); diff != "" {
					t.Error(diff)
				}

				if diff := cmp.Diff(test.wantUnused, result.Unused); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}
