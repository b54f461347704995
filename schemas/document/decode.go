package document

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Decode strictly decodes the one YAML document in data, read from file, into
// the value that v points to. The error is an [Errors] with every finding; v
// then holds what could be decoded.
//
// Struct fields take their names from yaml tags as in go.yaml.in/yaml/v3,
// `,inline` included. Types may implement yaml.Unmarshaler or
// encoding.TextUnmarshaler; their errors get the position of their node.
func Decode(file string, data []byte, v any) error {
	roots, err := Parse(file, data)
	if err != nil {
		return err
	}

	switch len(roots) {
	case 0:
		return nil
	case 1:
		return DecodeNode(file, data, roots[0], v)
	default:
		return Errors{At(file, data, roots[1], "one YAML document is expected here, this is the second of %d", len(roots))}
	}
}

// DecodeNode is Decode for a node of a document that Parse gave.
func DecodeNode(file string, data []byte, n *yaml.Node, v any) error {
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return fmt.Errorf("decode %s: the target is a %T, not a pointer", file, v)
	}

	d := decoder{file: file, data: data}
	d.value(n, target.Elem())

	return d.errs.OrNil()
}

type decoder struct {
	file string
	data []byte
	errs Errors
}

// MaxFindings bounds how many findings one document may have: the rest would
// tell a person nothing, and a hostile document must not cost much.
const MaxFindings = 100

func (d *decoder) fail(n *yaml.Node, hint, format string, args ...any) {
	if len(d.errs) >= MaxFindings {
		return
	}

	e := At(d.file, d.data, n, format, args...)
	e.Hint = hint
	d.errs = append(d.errs, e)
}

var (
	nodeType     = reflect.TypeFor[yaml.Node]()
	durationType = reflect.TypeFor[time.Duration]()
)

func (d *decoder) value(n *yaml.Node, v reflect.Value) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}

	if v.Type() == nodeType {
		v.Set(reflect.ValueOf(*n))

		return
	}

	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		v.SetZero()

		return
	}

	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}

		if !d.custom(n, v) {
			d.value(n, v.Elem())
		}

		return
	}

	if v.CanAddr() && d.custom(n, v.Addr()) {
		return
	}

	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v)
	case reflect.Map:
		d.mapping(n, v)
	case reflect.Slice:
		d.sequence(n, v)
	case reflect.Interface:
		var any any
		if err := n.Decode(&any); err != nil {
			d.fail(n, "", "%v", err)
		} else if any != nil {
			v.Set(reflect.ValueOf(any))
		}
	default:
		d.scalar(n, v)
	}
}

// custom lets a type decode itself; p is a pointer to it.
func (d *decoder) custom(n *yaml.Node, p reflect.Value) bool {
	var err error

	switch u := p.Interface().(type) {
	case yaml.Unmarshaler:
		err = u.UnmarshalYAML(n)
	case encoding.TextUnmarshaler:
		if n.Kind != yaml.ScalarNode {
			d.fail(n, "", "expected a single value, this is %s", kindName(n))

			return true
		}

		err = u.UnmarshalText([]byte(n.Value))
	default:
		return false
	}

	if err == nil {
		return true
	}

	// An unmarshaler that looked deeper knows the position better.
	var (
		list Errors
		one  *Error
	)

	switch {
	case errors.As(err, &list):
	case errors.As(err, &one):
		list = Errors{one}
	default:
		d.fail(n, "", "%v", err)

		return true
	}

	for _, e := range list[:min(len(list), max(0, MaxFindings-len(d.errs)))] {
		e.File = d.file
		e.Text = lineOf(d.data, e.Line)
		d.errs = append(d.errs, e)
	}

	return true
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, mappingHint(n), "expected a mapping, this is %s", kindName(n))

		return
	}

	known := fieldsOf(v.Type())

	for key, child := range d.pairs(n) {
		index, ok := known.index[key.Value]
		if !ok && len(d.errs) >= MaxFindings {
			continue // a suggestion is work
		}

		if !ok {
			hint := Suggest(key.Value, known.names)
			if strings.HasPrefix(key.Value, "\u00a0") {
				hint = "it begins with a no-break space; indent with ordinary ones"
			}

			d.fail(key, hint, "unknown key %q", key.Value)

			continue
		}

		d.value(child, fieldByIndex(v, index))
	}
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, mappingHint(n), "expected a mapping, this is %s", kindName(n))

		return
	}

	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}

	for key, child := range d.pairs(n) {
		mapKey := reflect.New(v.Type().Key()).Elem()
		d.value(key, mapKey)

		element := reflect.New(v.Type().Elem()).Elem()
		d.value(child, element)

		v.SetMapIndex(mapKey, element)
	}
}

func (d *decoder) sequence(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, listHint(n, v.Type().Elem()), "expected a list, this is %s", kindName(n))

		return
	}

	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, child := range n.Content {
		d.value(child, list.Index(i))
	}

	v.Set(list)
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, scalarHint(n), "expected %s, this is %s", typeName(v), kindName(n))

		return
	}

	if n.Style&yaml.TaggedStyle != 0 && !slices.Contains(coreTags, n.Tag) {
		d.fail(n, "remove it", "the tag %s has no meaning here", n.Tag)

		return
	}

	if v.Kind() == reflect.String {
		v.SetString(n.Value)

		return
	}

	if v.Type() == durationType {
		duration, err := time.ParseDuration(n.Value)
		if err != nil {
			d.fail(n, durationHint(n.Value), "%q is not a duration such as 30s or 1h30m", n.Value)
		}

		v.SetInt(int64(duration))

		return
	}

	// The YAML library knows the ways to write a number or a boolean.
	if err := n.Decode(v.Addr().Interface()); err != nil {
		d.fail(n, "", "%s is not %s", strconv.Quote(n.Value), typeName(v))
	}
}
