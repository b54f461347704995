package document

import (
	"iter"
	"reflect"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// fields maps the keys of a struct type to its fields.
type fields struct {
	names []string
	index map[string][]int
}

var fieldCache sync.Map // reflect.Type → fields

func fieldsOf(t reflect.Type) fields {
	if cached, ok := fieldCache.Load(t); ok {
		return cached.(fields)
	}

	f := fields{index: map[string][]int{}}
	f.add(t, nil)
	fieldCache.Store(t, f)

	return f
}

func (f *fields) add(t reflect.Type, prefix []int) {
	for i := range t.NumField() {
		field := t.Field(i)
		if !field.IsExported() && !field.Anonymous {
			continue
		}

		index := append(append([]int(nil), prefix...), i)
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")

		if name == "-" {
			continue
		}

		if strings.Contains(options, "inline") {
			inner := field.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}

			f.add(inner, index)

			continue
		}

		if name == "" {
			name = strings.ToLower(field.Name)
		}

		f.names = append(f.names, name)
		f.index[name] = index
	}
}

// fieldByIndex is reflect's FieldByIndex, allocating inlined pointers.
func fieldByIndex(v reflect.Value, index []int) reflect.Value {
	for _, i := range index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}

			v = v.Elem()
		}

		v = v.Field(i)
	}

	return v
}

// pairs yields the keys and values of a mapping. A merge key (<<) yields the
// pairs of what it names, unless the mapping has the key itself. A key that is
// not a single value, or given twice, is a finding and is left out.
func (d *decoder) pairs(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(*yaml.Node, *yaml.Node) bool) {
		seen := map[string]*yaml.Node{}

		var merges []*yaml.Node

		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if key.Kind == yaml.AliasNode {
				key = key.Alias
			}

			switch first, again := seen[key.Value]; {
			case key.Kind != yaml.ScalarNode:
				d.fail(key, "", "a key must be a single value, this is %s", kindName(key))
			case key.Tag == "!!merge":
				merges = append(merges, value)
			case again:
				d.fail(key, "", "key %q is given twice, first in line %d", key.Value, first.Line)
			default:
				seen[key.Value] = key

				if !yield(key, value) {
					return
				}
			}
		}

		for _, merge := range merges {
			if !d.mergePairs(merge, seen, yield) {
				return
			}
		}
	}
}

func (d *decoder) mergePairs(n *yaml.Node, seen map[string]*yaml.Node, yield func(*yaml.Node, *yaml.Node) bool) bool {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}

	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			if !d.mergePairs(item, seen, yield) {
				return false
			}
		}
	case yaml.MappingNode:
		for key, value := range d.pairs(n) {
			if seen[key.Value] != nil {
				continue
			}

			seen[key.Value] = key

			if !yield(key, value) {
				return false
			}
		}
	default:
		d.fail(n, "", "a merge key takes a mapping or a list of mappings, this is %s", kindName(n))
	}

	return true
}
