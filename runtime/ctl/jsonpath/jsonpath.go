// Package jsonpath evaluates the JSONPath templates that resource definitions
// have for their columns, such as {.addresses[*].ip}: the part of Kubernetes'
// JSONPath (kubernetes.io/docs/reference/kubectl/jsonpath) that such columns
// use. Supported are literal text, {@}, child names (.name, ['name']), indices
// (also negative), * or : for all items, and filters that compare for equality:
// [?(@.type=="Ready")].
package jsonpath

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Template is a parsed template. It is safe for concurrent use.
type Template struct {
	parts []part
}

// part is literal text, or steps when steps is not nil.
type part struct {
	text  string
	steps []step
}

// step takes the values below a value.
type step func(value any) []any

// Parse reads a template.
func Parse(template string) (*Template, error) {
	t := &Template{}

	for rest := template; rest != ""; {
		text, expression, found := strings.Cut(rest, "{")
		if text != "" {
			t.parts = append(t.parts, part{text: text})
		}

		if !found {
			break
		}

		expression, after, closed := cutBrace(expression)
		if !closed {
			return nil, fmt.Errorf("JSONPath %q: a { is not closed", template)
		}

		steps, err := parseSteps(strings.TrimSpace(expression))
		if err != nil {
			return nil, fmt.Errorf("JSONPath %q: %w", template, err)
		}

		t.parts = append(t.parts, part{steps: steps})
		rest = after
	}

	return t, nil
}

// cutBrace cuts at the first } outside quotes.
func cutBrace(text string) (inside, after string, found bool) {
	quote := byte(0)

	for i := range len(text) {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '}':
			return text[:i], text[i+1:], true
		}
	}

	return text, "", false
}

func parseSteps(expression string) ([]step, error) {
	steps := []step{}
	rest := strings.TrimPrefix(strings.TrimPrefix(expression, "$"), "@")

	for rest != "" {
		switch rest[0] {
		case '.':
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}

			name := rest[1 : 1+end]
			rest = rest[1+end:]

			switch name {
			case "":
				if rest == "" && len(steps) == 0 {
					return steps, nil // {.} is the value itself
				}

				if !strings.HasPrefix(rest, "[") {
					return nil, errors.New("a name is missing after a dot")
				}
			case "*":
				steps = append(steps, all)
			default:
				steps = append(steps, child(name))
			}
		case '[':
			inside, after, found := cutBracket(rest[1:])
			if !found {
				return nil, errors.New("a [ is not closed")
			}

			s, err := bracket(strings.TrimSpace(inside))
			if err != nil {
				return nil, err
			}

			steps = append(steps, s)
			rest = after
		default:
			return nil, fmt.Errorf("unexpected %q", rest)
		}
	}

	return steps, nil
}

// cutBracket cuts at the first ] outside quotes and parentheses.
func cutBracket(text string) (inside, after string, found bool) {
	quote, depth := byte(0), 0

	for i := range len(text) {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ']' && depth == 0:
			return text[:i], text[i+1:], true
		}
	}

	return text, "", false
}

func bracket(inside string) (step, error) {
	if inside == "*" || inside == ":" {
		return all, nil
	}

	if index, err := strconv.Atoi(inside); err == nil {
		return item(index), nil
	}

	if name, ok := unquote(inside); ok {
		return child(name), nil
	}

	if condition, ok := strings.CutPrefix(inside, "?("); ok && strings.HasSuffix(condition, ")") {
		return filter(strings.TrimSuffix(condition, ")"))
	}

	return nil, fmt.Errorf("[%s] is not supported", inside)
}

func unquote(text string) (string, bool) {
	if len(text) < 2 || text[0] != text[len(text)-1] || (text[0] != '"' && text[0] != '\'') {
		return "", false
	}

	return text[1 : len(text)-1], true
}

func filter(condition string) (step, error) {
	left, right, found := strings.Cut(condition, "==")
	if !found {
		return nil, fmt.Errorf("the filter %q does not compare with ==", condition)
	}

	path, err := parseSteps(strings.TrimSpace(left))
	if err != nil {
		return nil, err
	}

	want := strings.TrimSpace(right)
	if text, ok := unquote(want); ok {
		want = text
	}

	return func(value any) []any {
		var kept []any

		for _, candidate := range all(value) {
			for _, found := range walk(candidate, path) {
				if format(found) == want {
					kept = append(kept, candidate)

					break
				}
			}
		}

		return kept
	}, nil
}

func child(name string) step {
	return func(value any) []any {
		if m, ok := value.(map[string]any); ok {
			if v, ok := m[name]; ok {
				return []any{v}
			}
		}

		return nil
	}
}

func item(index int) step {
	return func(value any) []any {
		list, ok := value.([]any)
		if !ok {
			return nil
		}

		at := index
		if at < 0 {
			at += len(list)
		}

		if at < 0 || at >= len(list) {
			return nil
		}

		return list[at : at+1]
	}
}

func all(value any) []any {
	switch v := value.(type) {
	case []any:
		return v
	case map[string]any:
		values := make([]any, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			values = append(values, v[key])
		}

		return values
	default:
		return nil
	}
}

func walk(value any, steps []step) []any {
	values := []any{value}

	for _, s := range steps {
		var next []any
		for _, v := range values {
			next = append(next, s(v)...)
		}

		values = next
	}

	return values
}

// Execute fills the template from a value made of map[string]any, []any and
// scalars. What is not there gives nothing; several values are joined by
// spaces; lists and mappings are written as JSON.
func (t *Template) Execute(value any) string {
	var b strings.Builder

	for _, p := range t.parts {
		b.WriteString(p.text)

		if p.steps == nil {
			continue
		}

		for i, found := range walk(value, p.steps) {
			if i > 0 {
				b.WriteByte(' ')
			}

			b.WriteString(format(found))
		}
	}

	return b.String()
}

func format(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any, map[string]any:
		data, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}

		return string(data)
	default:
		return fmt.Sprint(v)
	}
}
