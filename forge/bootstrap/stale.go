package bootstrap

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/schemas/document"
)

// Stale tells what in a spec the lock does not reflect; nil if nothing. The
// error is a document.Errors with places in the spec. It needs no network and
// does not tell whether the suites hold newer packages.
func (l *Lock) Stale(s *Spec) error {
	errs := append(l.lacking(s), l.otherwise(s)...)

	// What was chosen by has no more than a digest in the lock: that it
	// changed is certain, what of it is found out as far as possible.
	if len(errs) == 0 && l.Wanted != s.wantedDigest() {
		errs = append(errs, document.At(s.file, s.data, s.key("packages"),
			"suites, components, snapshot or package lists are not those that %s was made from", l.name()))
	}

	layout, err := l.layoutChanges(s)
	if err != nil {
		return err
	}

	return append(errs, layout...).OrNil()
}

// lacking finds packages that the lock does not have.
func (l *Lock) lacking(s *Spec) document.Errors {
	var errs document.Errors

	for i := range s.Architectures {
		arch := &s.Architectures[i]

		packages, ok := l.Userlands[arch.Value]
		if !ok {
			errs = append(errs, document.At(s.file, s.data, arch, "%s has no userland for %s", l.name(), arch.Value))

			continue
		}

		have := map[string]bool{}
		for _, p := range packages {
			have[p.Name] = true
		}

		for _, w := range s.Packages {
			if w.forArch(arch.Value) && !have[w.Name] {
				errs = append(errs, document.At(s.file, s.data, w.node, "%s is not in %s for %s", w, l.name(), arch.Value))
			}
		}
	}

	return errs
}

// otherwise finds other differences that the lock itself shows.
func (l *Lock) otherwise(s *Spec) document.Errors {
	var errs document.Errors

	var suites []string
	for _, r := range l.Releases {
		suites = append(suites, r.Suite)
	}

	if !slices.Equal(suites, values(s.Suites)) {
		errs = append(errs, document.At(s.file, s.data, s.key("suites"), "%s was made from %s", l.name(), strings.Join(suites, ", ")))
	}

	if v := s.Snapshot.Value; v != Auto && v != l.Snapshot {
		errs = append(errs, document.At(s.file, s.data, &s.Snapshot, "%s is of %s", l.name(), l.Snapshot))
	}

	for _, arch := range l.Architectures() {
		if !slices.Contains(values(s.Architectures), arch) {
			errs = append(errs, document.At(s.file, s.data, s.key("architectures"), "%s has a userland for %s", l.name(), arch))

			continue
		}

		for i := range s.Without {
			without := &s.Without[i]
			if slices.ContainsFunc(l.Userlands[arch], func(p Locked) bool { return p.Name == without.Value }) {
				errs = append(errs, document.At(s.file, s.data, without, "%s has %s for %s", l.name(), without.Value, arch))
			}
		}
	}

	return errs
}

// layoutChanges compares what is done with the files of the packages.
func (l *Lock) layoutChanges(s *Spec) (document.Errors, error) {
	var errs document.Errors

	for _, part := range []struct {
		key          string
		mine, theirs any
	}{
		{"exclude", l.Exclude, s.Exclude},
		{"links", l.Links, s.Links},
		{"files", l.Files, s.Files},
	} {
		mine, err := yaml.Marshal(part.mine)
		theirs, err2 := yaml.Marshal(part.theirs)

		if err := errors.Join(err, err2); err != nil {
			return nil, fmt.Errorf("compare lock: %w", err)
		}

		if string(mine) != string(theirs) {
			errs = append(errs, document.At(s.file, s.data, s.key(part.key), "%s: not the same as in %s", part.key, l.name()))
		}
	}

	return errs, nil
}

// key is where a key of the spec stands; nil where it is missing.
func (s *Spec) key(name string) *yaml.Node {
	var doc yaml.Node
	if yaml.Unmarshal(s.data, &doc) != nil || len(doc.Content) == 0 {
		return nil
	}

	for i, n := range doc.Content[0].Content {
		if i%2 == 0 && n.Value == name {
			return n
		}
	}

	return nil
}
