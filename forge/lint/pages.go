package lint

import (
	"fmt"
	"strings"
)

// Pages gives the documentation of all rules, by the name of the file in
// docs/lint.
func Pages() map[string]string {
	pages := map[string]string{}

	var index strings.Builder

	index.WriteString("# What `akmon lint` finds\n\n" +
		"These pages are generated from the rules (`go test ./forge/lint -update`). A finding is silenced\n" +
		"where it is, with a reason, by a comment on its line or right above it:\n\n" +
		"```yaml\n# lint: unpinned-image: the tag is immutable in this registry\n- image: registry.example.org/tools:v1\n```\n\n" +
		"| rule | finds |\n|---|---|\n")

	for _, r := range Rules {
		fmt.Fprintf(&index, "| [%s](%s.md) | %s |\n", r.Name, r.Name, r.Description)
		pages[r.Name+".md"] = r.page()
	}

	pages["README.md"] = index.String()

	return pages
}

func (r *Rule) page() string {
	return fmt.Sprintf("# %s\n\nFound: %s.\n\n%s\n\n%s\n\nNot so:\n\n```yaml\n%s```\n\nBut so:\n\n```yaml\n%s```\n\n"+
		"Where it is right all the same, say why: `# lint: %s: REASON` on the line or above it.\n",
		r.Name, r.Description, r.Why, r.Instead, r.Bad, r.Good, r.Name)
}
