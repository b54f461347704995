package lower

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/moby/buildkit/solver/pb"

	"github.com/akmon-os/akmon/forge/graph"
)

// Explanation is what the result of a package depends on: nothing else makes
// it build again.
type Explanation struct {
	Node *graph.Node
	// Key stands for everything below. It differs when any of it does.
	Key string
	// Parts are the package's own operations, in order, Needs the packages
	// whose results they take.
	Parts []Part
	Needs []*graph.Node
}

// Part is one operation.
type Part struct {
	// Name says what it does; no other part of the package has the same.
	Name string `json:"name"`
	// Digest stands for what it does, and to what: not for the content of
	// what it takes from other parts and packages.
	Digest string `json:"digest"`
}

// Explain tells what every package of the graph depends on, what is needed
// before what needs it. Options are those of Lower. Files gives a digest of the
// content of the tree's files that patterns select; see llb.IncludePatterns
// and llb.ExcludePatterns.
func Explain(ctx context.Context, g *graph.Graph, opts Options, files func(include, exclude []string) (string, error)) ([]Explanation, error) {
	l := newLowering(g, opts, g.Tree.BuildPlatform())

	if err := l.all(ctx, g.Packages()); err != nil {
		return nil, err
	}

	e := explainer{files: files, keys: map[*graph.Node]string{}, outputs: map[*operation]string{}, built: map[*graph.Node]string{}}

	var all []Explanation

	for _, n := range g.Packages() {
		explained, err := e.node(n, l.lowered[n])
		if err != nil {
			return nil, fmt.Errorf("explain %s: %w", n, err)
		}

		all = append(all, explained)
	}

	return all, nil
}

type explainer struct {
	files   func(include, exclude []string) (string, error)
	keys    map[*graph.Node]string
	outputs map[*operation]string  // the package that an operation is the output of
	built   map[*graph.Node]string // the part of a key that its further outputs depend on
}

func (e *explainer) node(n *graph.Node, r *lowered) (Explanation, error) {
	explained := Explanation{Node: n}
	names, used := map[*operation]string{}, map[string]int{}
	key, built := sha256.New(), sha256.New()
	own := after(r)

	for _, o := range r.operations {
		name := strings.TrimPrefix(o.metadata.Description["llb.customname"], "["+n.String()+"] ")

		used[name]++
		if used[name] > 1 {
			name = fmt.Sprintf("%s (%d)", name, used[name])
		}

		names[o] = name

		digest, err := e.operation(o, names)
		if err != nil {
			return explained, err
		}

		explained.Parts = append(explained.Parts, Part{name, digest})
		fmt.Fprintf(key, "part %q %s\n", name, digest)

		if !own[o] {
			fmt.Fprintf(built, "part %q %s\n", name, digest)
		}
	}

	seen := map[*graph.Node]bool{}

	for _, in := range n.Inputs() {
		if in.Node != nil && !seen[in.Node] {
			seen[in.Node] = true
			explained.Needs = append(explained.Needs, in.Node)

			needed := e.keys[in.Node]
			if in.Recipe {
				needed = e.built[in.Node]
			}

			fmt.Fprintf(key, "needs %q %s\n", in.Node, needed)
			fmt.Fprintf(built, "needs %q %s\n", in.Node, needed)
		}
	}

	if p, ok := r.state.Output().(product); ok && len(r.operations) > 0 {
		e.outputs[p.operation] = n.String()
	}

	if p, ok := r.built.Output().(product); ok && e.outputs[p.operation] == "" {
		e.outputs[p.operation] = n.String()
	}

	explained.Key = hex.EncodeToString(key.Sum(nil))
	e.keys[n], e.built[n] = explained.Key, hex.EncodeToString(built.Sum(nil))

	return explained, nil
}

// after gives the operations of a package that only its own output needs, not
// the further ones.
func after(r *lowered) map[*operation]bool {
	only := map[*operation]bool{}

	built, ok := r.built.Output().(product)
	if !ok {
		return only
	}

	for _, o := range r.operations {
		only[o] = true
	}

	var keep func(o *operation)

	keep = func(o *operation) {
		if !only[o] {
			return
		}

		delete(only, o)

		for _, in := range o.inputs {
			keep(in.operation)
		}
	}

	keep(built.operation)

	return only
}

// operation is the digest of an operation in which names stand for the
// operations that it takes from.
func (e *explainer) operation(o *operation, names map[*operation]string) (string, error) {
	var op pb.Op
	if err := op.UnmarshalVT(o.raw); err != nil {
		return "", fmt.Errorf("read an operation: %w", err)
	}

	sum := sha256.New()

	for i, p := range o.inputs {
		from := names[p.operation]
		if from == "" {
			from = "package " + e.outputs[p.operation]
		}

		fmt.Fprintf(sum, "input %q %d\n", from, p.index)

		op.Inputs[i].Digest = ""
	}

	if s := op.GetSource(); s != nil && s.Identifier == "local://tree" {
		var include, exclude []string

		for attribute, patterns := range map[string]*[]string{pb.AttrIncludePatterns: &include, pb.AttrExcludePatterns: &exclude} {
			if text := s.Attrs[attribute]; text != "" {
				if err := json.Unmarshal([]byte(text), patterns); err != nil {
					return "", fmt.Errorf("read patterns: %w", err)
				}
			}
		}

		content, err := e.files(include, exclude)
		if err != nil {
			return "", err
		}

		fmt.Fprintf(sum, "files %s\n", content)
	}

	raw, err := json.Marshal(&op) // maps are written in order of their keys
	if err != nil {
		return "", fmt.Errorf("write an operation: %w", err)
	}

	sum.Write(raw)

	return hex.EncodeToString(sum.Sum(nil)), nil
}
