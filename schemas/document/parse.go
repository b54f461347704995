package document

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"go.yaml.in/yaml/v3"
)

// MaxNodes bounds how many nodes a document may have once its aliases are
// followed. The largest machine configurations have a few thousand.
const MaxNodes = 200_000

// Parse reads every document of a YAML stream and gives their root nodes
// (not the document nodes around them). An empty document is left out.
//
// It refuses what is not YAML, and documents that contain themselves or whose
// aliases expand to more than MaxNodes nodes.
func Parse(file string, data []byte) ([]*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))

	var roots []*yaml.Node

	for {
		var doc yaml.Node

		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return roots, nil
		}

		if err != nil {
			return nil, Errors{placeDepth(data, syntax(file, data, err))}
		}

		if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
			continue
		}

		root := doc.Content[0]

		if found := checkExpansion(file, data, root); found != nil {
			return nil, Errors{found}
		}

		roots = append(roots, root)
	}
}

// checkExpansion counts the nodes that root has when aliases are followed.
// Sizes are kept per anchor, so that the count itself costs one visit a node.
func checkExpansion(file string, data []byte, root *yaml.Node) *Error {
	if !hasAlias(root) {
		return nil
	}

	const visiting = -1

	sizes := map[*yaml.Node]int{}

	var (
		found *Error
		visit func(n *yaml.Node) int
	)

	visit = func(n *yaml.Node) int {
		if found != nil {
			return 0
		}

		target := n
		if n.Kind == yaml.AliasNode {
			target = n.Alias
		}

		if size, known := sizes[target]; known {
			if size == visiting {
				found = At(file, data, n, "the value of anchor %q contains itself", target.Anchor)
			}

			return size
		}

		sizes[target] = visiting
		size := 1

		for _, child := range target.Content {
			size += visit(child)

			if size > MaxNodes && found == nil {
				found = At(file, data, n, "aliases expand to more than %d nodes", MaxNodes)
			}
		}

		sizes[target] = size

		return size
	}

	visit(root)

	return found
}

func hasAlias(n *yaml.Node) bool {
	return n.Kind == yaml.AliasNode || slices.ContainsFunc(n.Content, hasAlias)
}
