package render

import (
	"strings"
	"text/template/parse"
)

// printed gives what a pipeline prints, where that is the value of a variable
// and no more.
func (p *preparation) printed(pipe *parse.PipeNode, known bool) (string, bool) {
	// What is too much to be printed is left to be refused when it is.
	if !known || p.constants > MaxOutput || len(pipe.Decl) > 0 || len(pipe.Cmds) != 1 || len(pipe.Cmds[0].Args) != 1 {
		return "", false
	}

	return p.value(pipe.Cmds[0].Args[0])
}

// value gives the value of an argument: a text, or a variable that is set.
func (p *preparation) value(arg parse.Node) (string, bool) {
	switch n := arg.(type) {
	case *parse.StringNode:
		return n.Text, true
	case *parse.FieldNode:
		if len(n.Ident) != 1 {
			return "", false
		}

		value, ok := p.x.vars[n.Ident[0]]

		return value, ok || strings.HasPrefix(n.Ident[0], BuildArgPrefix)
	default:
		return "", false
	}
}

// truth gives what a condition comes to, where that is plain: a variable, or
// one that is compared with a text.
func (p *preparation) truth(pipe *parse.PipeNode, known bool) (truth, ok bool) {
	if !known || len(pipe.Decl) > 0 || len(pipe.Cmds) != 1 {
		return false, false
	}

	args := pipe.Cmds[0].Args

	if len(args) == 1 {
		field, ok := args[0].(*parse.FieldNode)

		// A variable that is not set is no error here, and false.
		return ok && len(field.Ident) == 1 && p.x.vars[field.Ident[0]] != "", ok && len(field.Ident) == 1
	}

	function, ok := args[0].(*parse.IdentifierNode)
	if !ok || len(args) != 3 || function.Ident != "eq" && function.Ident != "ne" {
		return false, false
	}

	a, okA := p.value(args[1])
	b, okB := p.value(args[2])

	return (a == b) == (function.Ident == "eq"), okA && okB
}

// branch gives the nodes that are executed when the condition is so.
func branch(n *parse.IfNode, truth bool) []parse.Node {
	switch {
	case truth:
		return n.List.Nodes
	case n.ElseList != nil:
		return n.ElseList.Nodes
	default:
		return nil
	}
}

// declares tells whether nodes declare a template variable, which ends with
// the list that they are in.
func declares(nodes []parse.Node) bool {
	for _, node := range nodes {
		if n, ok := node.(*parse.ActionNode); ok && len(n.Pipe.Decl) > 0 && !n.Pipe.IsAssign {
			return true
		}
	}

	return false
}

// constant makes the node that prints the value that action n would.
func (p *preparation) constant(n *parse.ActionNode, value string) parse.Node {
	p.constants += len(value)

	text := &parse.TextNode{NodeType: parse.NodeText, Pos: n.Pos, Text: []byte(value)}
	p.x.text(text, p.begin(n), false)

	return text
}

// plain tells whether nodes are but text.
func plain(nodes []parse.Node) bool {
	for _, node := range nodes {
		if _, ok := node.(*parse.TextNode); !ok {
			return false
		}
	}

	return true
}
