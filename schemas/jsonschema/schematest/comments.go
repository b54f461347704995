package schematest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/akmon-os/akmon/schemas/jsonschema"
)

// docLink is a reference in a Go comment.
var docLink = regexp.MustCompile(`\[([A-Za-z.]+)\]`)

// Comments reads the documentation of the types in directories of Go source. A
// field without a comment has that of the field before it, if that names it.
func Comments(t testing.TB, dirs ...string) jsonschema.Comments {
	t.Helper()

	var paths []string

	for _, dir := range dirs {
		found, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(found) == 0 {
			t.Fatalf("no Go source in %s: %v", dir, err)
		}

		paths = append(paths, found...)
	}

	all := jsonschema.Comments{}

	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}

		for _, decl := range file.Decls {
			if gen, ok := decl.(*ast.GenDecl); ok {
				for _, spec := range gen.Specs {
					if s, ok := spec.(*ast.TypeSpec); ok {
						typeComments(all, file.Name.Name, gen, s)
					}
				}
			}
		}
	}

	return all
}

func typeComments(all jsonschema.Comments, pkg string, gen *ast.GenDecl, s *ast.TypeSpec) {
	structure, ok := s.Type.(*ast.StructType)
	if !ok {
		return
	}

	typeName := pkg + "." + s.Name.Name
	all[typeName] = oneLine(gen.Doc.Text())
	before := ""

	for _, field := range structure.Fields.List {
		about := oneLine(field.Doc.Text())

		for _, name := range field.Names {
			switch {
			case about != "":
				all[typeName+"."+name.Name] = about
			case strings.Contains(before, name.Name):
				all[typeName+"."+name.Name] = before
			}
		}

		if about != "" {
			before = about
		}
	}
}

func oneLine(s string) string {
	return docLink.ReplaceAllString(strings.Join(strings.Fields(s), " "), "$1")
}
