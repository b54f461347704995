package update

import (
	"fmt"
	"regexp"
	"strings"
)

// comment is a line as Renovate's custom managers read it: fields of the form
// name=value, about the variable in the line after it.
var (
	comment  = regexp.MustCompile(`^\s*#\s*renovate:\s*(.*?)\s*$`)
	variable = regexp.MustCompile(`^\s*["']?([A-Za-z_][A-Za-z0-9_]*)["']?\s*:\s*["']?([^"'#\s]+)["']?`)
)

// followed is a variable with such a comment.
type followed struct {
	name, value string
	line        int // of the variable, from one
	lookup      lookup
	depName     string
	// skip says why nobody can be asked.
	skip string
}

// readComments finds the variables of a document that have a comment.
func readComments(text []byte) []followed {
	var (
		all    []followed
		fields map[string]string
	)

	number := 0

	for line := range strings.Lines(string(text)) {
		number++

		if m := comment.FindStringSubmatch(line); m != nil {
			fields = map[string]string{}

			for _, field := range strings.Fields(m[1]) {
				name, value, _ := strings.Cut(field, "=")
				fields[name] = value
			}

			continue
		}

		if strings.HasPrefix(strings.TrimSpace(line), "#") || fields == nil {
			continue
		}

		if m := variable.FindStringSubmatch(line); m != nil {
			f := followed{name: m[1], value: m[2], line: number, depName: fields["depName"]}
			f.ask(fields)
			all = append(all, f)
		}

		fields = nil
	}

	return all
}

// ask makes a lookup of the fields of a comment.
func (f *followed) ask(fields map[string]string) {
	name := fields["packageName"]
	if name == "" {
		name = f.depName
	}

	switch source := fields["datasource"]; source {
	case "github-tags", "github-releases":
		f.lookup = lookup{kind: "git-tags", address: "https://github.com/" + name}
		if source == "github-releases" {
			f.lookup.kind = source
		}
	case "gitlab-tags":
		f.lookup = lookup{kind: "git-tags", address: "https://gitlab.com/" + name + ".git"}
	case "git-tags", "git-refs":
		address := name
		if rest, ok := strings.CutPrefix(address, "git://"); ok {
			address = "https://" + rest
		}

		f.lookup = lookup{kind: "git-tags", address: address}
	default:
		f.skip = fmt.Sprintf("datasource %q is not one of github-tags, github-releases, gitlab-tags and git-tags", source)
	}

	if expression := fields["extractVersion"]; expression != "" && f.skip == "" {
		compiled, err := pattern(expression)
		if err != nil {
			f.skip = err.Error()
		}

		f.lookup.pattern = compiled
	}
}
