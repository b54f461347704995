package archive

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/akmon-os/akmon/forge/bootstrap/closure"
	"github.com/akmon-os/akmon/forge/bootstrap/deb"
)

// ReadPackages reads a Packages index. archive is put in each package.
func ReadPackages(r io.Reader, archive string) ([]*closure.Package, error) {
	var packages []*closure.Package

	for in := deb.NewReader(r); ; {
		paragraph, err := in.Next()
		if errors.Is(err, io.EOF) {
			return packages, nil
		}

		if err != nil {
			return nil, err
		}

		p, err := newPackage(paragraph)
		if err != nil {
			return nil, fmt.Errorf("read package index: package %q: %w", paragraph.Get("Package"), err)
		}

		p.Archive = archive
		packages = append(packages, p)
	}
}

func newPackage(f deb.Paragraph) (*closure.Package, error) {
	p := &closure.Package{
		Name:     f.Get("Package"),
		Version:  f.Get("Version"),
		Arch:     f.Get("Architecture"),
		Priority: f.Get("Priority"),
		Filename: f.Get("Filename"),
		SHA256:   f.Get("SHA256"),
	}

	if p.Name == "" || p.Version == "" || p.Arch == "" || p.Filename == "" || len(p.SHA256) != 64 {
		return nil, errors.New("name, version, architecture, file name or SHA-256 is missing")
	}

	var err error
	if p.Size, err = strconv.ParseInt(f.Get("Size"), 10, 64); err != nil || p.Size <= 0 {
		return nil, fmt.Errorf("%q is not a size", f.Get("Size"))
	}

	for _, field := range []struct {
		to   *[][]deb.Relation
		name string
	}{
		{&p.Depends, "Pre-Depends"}, {&p.Depends, "Depends"},
		{&p.Conflicts, "Conflicts"}, {&p.Conflicts, "Breaks"},
		{&p.Provides, "Provides"},
	} {
		groups, err := deb.ParseRelations(f.Get(field.name))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field.name, err)
		}

		*field.to = append(*field.to, groups...)
	}

	return p, nil
}
