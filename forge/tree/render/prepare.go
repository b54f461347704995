package render

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"text/template/parse"

	"github.com/akmon-os/akmon/schemas/document"
)

// Names of the functions that the markers call. A source that names them gets
// the error for functions that are not defined.
const (
	markFunc  = "akmon_mark"
	needFunc  = "akmon_need"
	enterFunc = "akmon_enter"
	leaveFunc = "akmon_leave"
)

// preparation puts the markers into a parsed template, and finds out what the
// template uses.
//
// What is known before anything is executed is put in as text: most recipes
// print variables and ask for the architecture, and are but text then. That
// holds where the dot is the variables: outside of with, range and define.
type preparation struct {
	x         *execution
	functions map[string]bool
	buildArgs []string
	constants int // bytes of values that were put in
}

// list prepares a list of nodes; known tells whether the dot is the variables
// in it.
func (p *preparation) list(l *parse.ListNode, known bool) {
	if l == nil {
		return
	}

	prepared := make([]parse.Node, 0, len(l.Nodes)+len(l.Nodes)/2)

	for _, node := range l.Nodes {
		switch n := node.(type) {
		case *parse.TextNode:
			p.x.text(n, int(n.Pos), true)
		case *parse.ActionNode:
			p.pipe(n.Pipe)

			if value, ok := p.printed(n.Pipe, known); ok {
				if value != "" {
					prepared = append(prepared, p.constant(n, value))
				}

				continue
			}

			prepared = append(prepared, p.mark(node))

			if len(n.Pipe.Decl) == 0 {
				prepared = append(prepared, p.needs(n)...)
			}
		case *parse.IfNode:
			p.pipe(n.Pipe)
			p.list(n.List, known)
			p.list(n.ElseList, known)

			if truth, ok := p.truth(n.Pipe, known); ok {
				if chosen := branch(n, truth); !declares(chosen) {
					prepared = append(prepared, chosen...)

					continue
				}
			}

			prepared = append(prepared, p.mark(node))
		case *parse.WithNode:
			prepared = append(prepared, p.mark(node))
			p.branch(&n.BranchNode, known)
		case *parse.RangeNode:
			prepared = append(prepared, p.mark(node))
			p.branch(&n.BranchNode, known)
			// An empty body must count, too.
			n.List.Nodes = append([]parse.Node{p.mark(n)}, n.List.Nodes...)
		case *parse.TemplateNode:
			p.pipe(n.Pipe)

			prepared = append(prepared, p.mark(node), call(n.Pos, enterFunc), n, call(n.Pos, leaveFunc))

			continue
		default:
			prepared = append(prepared, p.mark(node))
		}

		prepared = append(prepared, node)
	}

	l.Nodes = prepared
}

// branch prepares a node that sets the dot in its list.
func (p *preparation) branch(n *parse.BranchNode, known bool) {
	p.pipe(n.Pipe)
	p.list(n.List, false)
	p.list(n.ElseList, known)
}

// pipe notes the functions and build arguments that a pipeline names.
func (p *preparation) pipe(pipe *parse.PipeNode) {
	if pipe == nil {
		return
	}

	for _, cmd := range pipe.Cmds {
		for _, arg := range cmd.Args {
			p.argument(arg)
		}
	}
}

func (p *preparation) argument(arg parse.Node) {
	switch n := arg.(type) {
	case *parse.PipeNode:
		p.pipe(n)
	case *parse.ChainNode:
		p.argument(n.Node)
	case *parse.IdentifierNode:
		p.function(n)
	case *parse.FieldNode:
		p.variable(n.Ident[0])
	case *parse.VariableNode:
		if n.Ident[0] == "$" && len(n.Ident) > 1 {
			p.variable(n.Ident[1])
		}
	}
}

func (p *preparation) variable(name string) {
	if strings.HasPrefix(name, BuildArgPrefix) && !slices.Contains(p.buildArgs, name) {
		p.buildArgs = append(p.buildArgs, name)
	}
}

func (p *preparation) function(n *parse.IdentifierNode) {
	if knownFunction(n.Ident) {
		p.functions[n.Ident] = true

		return
	}

	f := &failure{offset: int(n.Pos)}
	_, variable := p.x.vars[n.Ident]

	switch {
	case isVolatile(n.Ident):
		f.message = "function " + n.Ident + " is not hermetic: its result is not the same everywhere and always"
	case variable:
		f.message, f.hint = "function "+n.Ident+" is not defined", fmt.Sprintf("did you mean the variable %q?", "."+n.Ident)
	default:
		f.message, f.hint = "function "+n.Ident+" is not defined", document.Suggest(n.Ident, functionNames())
	}

	p.x.also(f)
}

// permissive functions have a meaning for variables that are not set.
var permissive = []string{
	"default", "coalesce", "empty", "ternary", "and", "or", "not", "all", "any", "hasKey", "kindIs", "kindOf", "typeOf",
}

// needs gives a check for each variable that an action prints.
func (p *preparation) needs(action *parse.ActionNode) []parse.Node {
	var checks []parse.Node

	for _, cmd := range action.Pipe.Cmds {
		if f, ok := cmd.Args[0].(*parse.IdentifierNode); ok && slices.Contains(permissive, f.Ident) {
			return nil
		}

		for _, arg := range cmd.Args {
			switch n := arg.(type) {
			case *parse.FieldNode:
				if len(n.Ident) == 1 {
					checks = append(checks, call(action.Pos, needFunc,
						&parse.DotNode{NodeType: parse.NodeDot, Pos: n.Pos}, text(n.Ident[0]), number(int(n.Pos))))
				}
			case *parse.VariableNode:
				if n.Ident[0] == "$" && len(n.Ident) == 2 {
					checks = append(checks, call(action.Pos, needFunc,
						&parse.VariableNode{NodeType: parse.NodeVariable, Pos: n.Pos, Ident: n.Ident[:1]}, text(n.Ident[1]), number(int(n.Pos))))
				}
			}
		}
	}

	return checks
}

// mark makes the node that notes where the next one stands.
func (p *preparation) mark(node parse.Node) parse.Node {
	return call(node.Position(), markFunc, number(p.begin(node)))
}

// begin is where the action begins that node is in.
func (p *preparation) begin(node parse.Node) int {
	offset := int(node.Position())
	if i := bytes.LastIndex(p.x.src[:offset], []byte("{{")); i >= 0 {
		return i
	}

	return offset
}

// call makes the action that calls a function; it prints nothing, because the
// functions give an empty text.
func call(pos parse.Pos, function string, args ...parse.Node) *parse.ActionNode {
	command := &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pos}
	command.Args = append([]parse.Node{parse.NewIdentifier(function).SetPos(pos)}, args...)

	return &parse.ActionNode{
		NodeType: parse.NodeAction, Pos: pos,
		Pipe: &parse.PipeNode{NodeType: parse.NodePipe, Pos: pos, Cmds: []*parse.CommandNode{command}},
	}
}

func number(n int) parse.Node {
	return &parse.NumberNode{NodeType: parse.NodeNumber, IsInt: true, Int64: int64(n)}
}

func text(s string) parse.Node {
	return &parse.StringNode{NodeType: parse.NodeString, Text: s}
}
