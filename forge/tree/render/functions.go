package render

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/template"

	"github.com/Masterminds/sprig/v3"

	"github.com/akmon-os/akmon/schemas/document"
)

// volatile functions of Sprig depend on chance or on the machine, beyond those
// that Sprig itself calls not hermetic.
var volatile = []string{
	"ago", "toDate", "mustToDate", "unixEpoch", "shuffle", "randInt", "bcrypt", "htpasswd", "derivePassword",
	"genPrivateKey", "buildCustomCert", "genCA", "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey",
	"genSignedCert", "genSignedCertWithKey", "encryptAES", "decryptAES",
}

// builtins are text/template's own functions; those that make text are
// replaced by bounded ones.
var builtins = []string{
	"and", "call", "index", "slice", "len", "not", "or", "eq", "ge", "gt", "le", "lt", "ne",
}

var hermetic = sync.OnceValue(func() map[string]any {
	all := map[string]any(sprig.HermeticTxtFuncMap())
	for _, name := range volatile {
		delete(all, name)
	}

	all["print"] = fmt.Sprint
	all["println"] = fmt.Sprintln
	all["printf"] = fmt.Sprintf
	all["html"] = template.HTMLEscaper
	all["js"] = template.JSEscaper
	all["urlquery"] = template.URLQueryEscaper

	return all
})

func knownFunction(name string) bool {
	return hermetic()[name] != nil || slices.Contains(builtins, name)
}

func functionNames() []string {
	return append(slices.Collect(maps.Keys(hermetic())), builtins...)
}

func isVolatile(name string) bool {
	return sprig.TxtFuncMap()[name] != nil && hermetic()[name] == nil
}

// functions gives the bounded functions that a template uses, and those that
// its markers call.
func (x *execution) functions(used map[string]bool) template.FuncMap {
	all := template.FuncMap{
		markFunc:  x.mark,
		needFunc:  x.need,
		enterFunc: x.enter,
		leaveFunc: x.leave,
	}

	for name := range used {
		if f := hermetic()[name]; f != nil {
			all[name] = x.bound(name, f)
		}
	}

	return all
}

func (x *execution) mark(offset int) (string, error) {
	x.place = offset

	return "", x.step()
}

// step counts what is executed.
func (x *execution) step() error {
	if x.steps++; x.steps > MaxSteps {
		return x.fail("the template does not come to an end within %d steps", MaxSteps)
	}

	return nil
}

func (x *execution) enter() (string, error) {
	if x.depth++; x.depth > MaxDepth {
		return "", x.fail("templates call each other more than %d deep", MaxDepth)
	}

	return "", nil
}

func (x *execution) leave() string {
	x.depth--

	return ""
}

// need notes a variable that is to be printed and is not set. It looks only
// where the dot is the variables; elsewhere text/template has its own rules.
func (x *execution) need(dot any, name string, offset int) string {
	vars, ok := dot.(map[string]string)
	if !ok {
		return ""
	}

	if _, set := vars[name]; !set {
		x.also(&failure{
			offset:  offset,
			message: fmt.Sprintf("variable %s is not set", name),
			hint:    document.Suggest(name, slices.Collect(maps.Keys(vars))),
			kind:    ErrNotSet,
		})
	}

	return ""
}

var errorType = reflect.TypeFor[error]()

// bound wraps a function so that it refuses to make huge values.
func (x *execution) bound(name string, f any) any {
	v := reflect.ValueOf(f)
	t := v.Type()

	in := make([]reflect.Type, t.NumIn())
	for i := range in {
		in[i] = t.In(i)
	}

	out := []reflect.Type{t.Out(0), errorType}

	wrapped := reflect.MakeFunc(reflect.FuncOf(in, out, t.IsVariadic()), func(args []reflect.Value) []reflect.Value {
		fail := func(err error) []reflect.Value {
			return []reflect.Value{reflect.Zero(t.Out(0)), reflect.ValueOf(&err).Elem()}
		}

		if err := checkArguments(name, args); err != nil {
			return fail(err)
		}

		var results []reflect.Value
		if t.IsVariadic() {
			results = v.CallSlice(args)
		} else {
			results = v.Call(args)
		}

		size := weigh(results[0], MaxValue, 0)
		x.work += size

		switch {
		case size >= MaxValue:
			return fail(fmt.Errorf("its value is larger than %d KiB", MaxValue>>10))
		case x.work > maxWork:
			return fail(x.fail("the template makes more than %d MiB of values", maxWork>>20))
		case len(results) == 1:
			return []reflect.Value{results[0], reflect.Zero(errorType)}
		default:
			return results
		}
	})

	return wrapped.Interface()
}

// multiplying functions can make a value as large as the product of what
// they get.
var multiplying = []string{
	"repeat", "indent", "nindent", "replace", "join", "wrapWith", "wrap", "regexReplaceAll", "regexReplaceAllLiteral",
	"mustRegexReplaceAll", "mustRegexReplaceAllLiteral", "until", "untilStep", "seq",
}

// wide is a width or precision in a format that asks for much text.
var wide = regexp.MustCompile(`[0-9]{5}|\*`)

func checkArguments(name string, args []reflect.Value) error {
	if name == "printf" && wide.MatchString(args[0].String()) {
		return errors.New("widths are limited to four digits")
	}

	if !slices.Contains(multiplying, name) {
		return nil
	}

	product := 1

	for _, arg := range args {
		product *= max(1, factor(arg))

		if product > MaxValue {
			return fmt.Errorf("its value would be larger than %d KiB", MaxValue>>10)
		}
	}

	return nil
}

// factor is what an argument can multiply the size of a value by, at most
// MaxValue+1.
func factor(v reflect.Value) int {
	for v.Kind() == reflect.Interface && !v.IsNil() {
		v = v.Elem()
	}

	switch {
	case v.CanInt():
		return int(min(max(v.Int(), -v.Int()), MaxValue+1))
	case v.CanUint():
		return int(min(v.Uint(), MaxValue+1))
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Int:
		product := 1 // seq's arguments
		for i := range v.Len() {
			product = min(product*max(1, factor(v.Index(i))), MaxValue+1)
		}

		return product
	default:
		return weigh(v, MaxValue+1, 0)
	}
}

// maxNesting bounds the depth of values; text/template prints them
// recursively.
const maxNesting = 50

// weigh estimates the size of a value, and stops at limit.
func weigh(v reflect.Value, limit, depth int) int {
	if depth > maxNesting {
		return limit
	}

	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return 1
		}

		return weigh(v.Elem(), limit, depth+1)
	case reflect.String:
		return min(v.Len(), limit)
	case reflect.Slice, reflect.Array:
		size := 1
		for i := 0; i < v.Len() && size < limit; i++ {
			size += weigh(v.Index(i), limit-size, depth+1)
		}

		return min(size, limit)
	case reflect.Map:
		size := 1
		for it := v.MapRange(); size < limit && it.Next(); {
			size += len(strings.TrimSpace(it.Key().String())) + weigh(it.Value(), limit-size, depth+1)
		}

		return min(size, limit)
	default:
		return 1
	}
}
