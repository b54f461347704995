package render

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"text/template"
	"text/template/parse"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/schemas/document"
)

// Bounds of one template.
const (
	// MaxOutput is the largest rendered text, in bytes.
	MaxOutput = 4 << 20
	// MaxSteps bounds the texts, actions and loop passes that are executed.
	MaxSteps = 100_000
	// MaxDepth bounds how deep templates call each other.
	MaxDepth = 100
	// MaxValue bounds one value that a function gives, in bytes or elements.
	MaxValue = 256 << 10
	// maxWork bounds the sum of the values that functions give.
	maxWork = 16 << 20
)

// BuildArgPrefix begins the names of the variables that hold build arguments.
const BuildArgPrefix = "BUILD_ARG_"

// Result is rendered text and where it came from.
type Result struct {
	Text []byte
	Map  *Map
}

// Render executes the template src, read from file, with vars. Findings are
// document.Errors with positions in src. It keeps no state and may be called
// from several goroutines; vars is only read.
func Render(file string, src []byte, vars map[string]string) (*Result, error) {
	if !bytes.Contains(src, []byte("{{")) {
		return &Result{Text: src, Map: &Map{}}, nil
	}

	x := &execution{file: file, src: src, vars: vars}

	err := x.run()

	if found := x.findings(err); len(found) > 0 {
		return nil, found
	}

	return &Result{Text: x.out.Bytes(), Map: &Map{segments: x.segments, source: newLines(src), text: newLines(x.out.Bytes())}}, nil
}

// execution is the state of one call of Render.
type execution struct {
	file string
	src  []byte
	vars map[string]string

	out      bytes.Buffer
	segments []segment

	// texts are the texts of the template, by their first byte: text/template
	// writes them as they are.
	texts map[*byte]segment
	// place is the offset in src of what is being executed.
	place int

	steps, depth, work int

	// failure is what stopped the execution, when it was this package.
	failure *failure
	// others are the failures that stop nothing, so that all of them are
	// found: variables that are not set, functions that are not defined.
	others []*failure
}

// ErrNotSet is the kind of the findings about variables that are not set.
var ErrNotSet = errors.New("variable is not set")

// failure is an error whose place is known.
type failure struct {
	offset  int
	message string
	hint    string
	kind    error
}

func (f *failure) Error() string { return f.message }

func (x *execution) run() error {
	const name = "template"

	trees := map[string]*parse.Tree{}
	root := parse.New(name)
	root.Mode = parse.SkipFuncCheck

	if _, err := root.Parse(string(x.src), "", "", trees); err != nil {
		return err
	}

	prep := preparation{x: x, functions: map[string]bool{}}
	for _, tree := range slices.Sorted(maps.Keys(trees)) {
		prep.list(trees[tree].Root, tree == name)
	}

	if len(x.others) > 0 {
		return nil
	}

	if trees[name] == nil {
		return nil // nothing but definitions
	}

	if nodes := trees[name].Root.Nodes; plain(nodes) {
		return x.write(nodes)
	}

	t := template.New(name).Funcs(x.functions(prep.functions))

	for treeName, tree := range trees {
		if _, err := t.AddParseTree(treeName, tree); err != nil {
			return err
		}
	}

	return t.Execute(x, x.variables(prep.buildArgs))
}

// write writes what is but text.
func (x *execution) write(nodes []parse.Node) error {
	for _, node := range nodes {
		if text, ok := node.(*parse.TextNode); ok {
			if _, err := x.Write(text.Text); err != nil {
				return err
			}
		}
	}

	return nil
}

// text notes where a text of the template comes from: from src as it stands
// there, or from an action.
func (x *execution) text(n *parse.TextNode, offset int, literal bool) {
	if x.texts == nil {
		x.texts = map[*byte]segment{}
	}

	if len(n.Text) > 0 {
		x.texts[&n.Text[0]] = segment{src: offset, literal: literal}
	}
}

// variables adds the build arguments that the template names and nobody set.
func (x *execution) variables(buildArgs []string) map[string]string {
	vars := x.vars
	copied := false

	for _, name := range buildArgs {
		if _, ok := vars[name]; ok {
			continue
		}

		if !copied {
			vars, copied = maps.Clone(vars), true
			if vars == nil {
				vars = map[string]string{}
			}
		}

		vars[name] = ""
	}

	return vars
}

// Write takes a text of the template, or the output of the node that was marked
// last.
func (x *execution) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}

	made, text := x.texts[&p[0]]
	if text {
		x.place = made.src

		if err := x.step(); err != nil {
			return 0, err
		}
	}

	made.out, made.src = x.out.Len(), x.place

	if x.out.Len()+len(p) > MaxOutput {
		return 0, x.fail("the rendered text is larger than %d MiB", MaxOutput>>20)
	}

	x.segments = append(x.segments, made)

	return x.out.Write(p)
}

func (x *execution) fail(format string, args ...any) error {
	if x.failure == nil {
		x.failure = &failure{offset: x.place, message: fmt.Sprintf(format, args...)}
	}

	return x.failure
}

// maxFindings bounds the findings of one template.
const maxFindings = 100

// also notes a failure that stops nothing, once for each place.
func (x *execution) also(f *failure) {
	again := slices.ContainsFunc(x.others, func(o *failure) bool { return o.offset == f.offset })
	if !again && len(x.others) < maxFindings {
		x.others = append(x.others, f)
	}
}

// findings turns what went wrong into findings with positions; err is of
// parsing or executing.
func (x *execution) findings(err error) document.Errors {
	all := x.others

	if err != nil {
		f := x.failure
		if f == nil {
			f = x.parseError(err)
		}

		all = append(all, f)
	}

	var found document.Errors

	for _, f := range all {
		line, column := position(x.src, f.offset)
		e := document.At(x.file, x.src, &yaml.Node{Line: line, Column: column}, "%s", f.message)
		e.Hint, e.Err = f.hint, f.kind
		found = append(found, e)
	}

	return found.Unique()
}
