package tree

import (
	"fmt"

	"github.com/akmon-os/akmon/forge/tree/render"
	"github.com/akmon-os/akmon/schemas/document"
)

// Eval renders a template with the variables of a package, as its recipe
// would be; with those of the root for the name "". Findings are about a file
// named "template".
func (t *Tree) Eval(name, text string) (string, error) {
	vars := t.rootVars

	if name != "" {
		p := t.Packages[name]
		if p == nil {
			hint := document.Suggest(name, t.Names())
			if hint != "" {
				hint = "; " + hint
			}

			return "", fmt.Errorf("no package of the tree is named %q%s", name, hint)
		}

		vars = p.Vars
	}

	result, err := render.Render("template", []byte(text), vars)
	if err != nil {
		return "", err
	}

	return string(result.Text), nil
}
