// Package kernelargs reads a kernel command line as the kernel does
// (lib/cmdline.c, next_arg): words parted by white space, double quotes keep
// white space, quotes around a value or a whole word are dropped, and the first
// "=" parts name and value. What follows "--" is for init, not the kernel, and
// is left out.
package kernelargs

import "strings"

// Arg is one argument. HasValue tells "name=" from "name".
type Arg struct {
	Name, Value string
	HasValue    bool
}

// Args are the arguments of a command line in their order. A name may repeat.
type Args []Arg

// Parse splits a command line. It accepts any text: a quote that is not closed
// ends with the line.
func Parse(line string) Args {
	var out Args

	for {
		line = strings.TrimLeft(line, " \t\n\v\f\r")
		if line == "" {
			return out
		}

		var raw string

		raw, line = next(line)
		if raw == "--" {
			return out
		}

		if arg, ok := split(raw); ok {
			out = append(out, arg)
		}
	}
}

// next cuts the first word off a line that starts with one.
func next(line string) (word, rest string) {
	quoted := false

	for i := range len(line) {
		switch c := line[i]; {
		case c == '"':
			quoted = !quoted
		case !quoted && strings.IndexByte(" \t\n\v\f\r", c) >= 0:
			return line[:i], line[i+1:]
		}
	}

	return line, ""
}

func split(raw string) (Arg, bool) {
	if strings.HasPrefix(raw, `"`) {
		raw = strings.TrimSuffix(raw[1:], `"`)
	}

	name, value, has := strings.Cut(raw, "=")
	if strings.HasPrefix(value, `"`) {
		value = strings.TrimSuffix(value[1:], `"`)
	}

	return Arg{Name: name, Value: value, HasValue: has}, name != ""
}

// First returns the first value of a name, and whether it occurs.
func (a Args) First(name string) (string, bool) {
	for _, arg := range a {
		if arg.Name == name {
			return arg.Value, true
		}
	}

	return "", false
}

// All returns every value of a name in order.
func (a Args) All(name string) []string {
	var out []string

	for _, arg := range a {
		if arg.Name == name {
			out = append(out, arg.Value)
		}
	}

	return out
}

// Last returns the last value of a name, which is the one that the kernel keeps
// for most of its own arguments.
func (a Args) Last(name string) (string, bool) {
	all := a.All(name)
	if len(all) == 0 {
		return "", false
	}

	return all[len(all)-1], true
}

// String writes the command line so that Parse reads it back.
func (a Args) String() string {
	var b strings.Builder

	for i, arg := range a {
		if i > 0 {
			b.WriteByte(' ')
		}

		switch {
		case strings.ContainsAny(arg.Name, " \t\n\v\f\r") && arg.HasValue:
			b.WriteString(`"` + arg.Name + "=" + arg.Value + `"`)
		case strings.ContainsAny(arg.Name, " \t\n\v\f\r"):
			b.WriteString(`"` + arg.Name + `"`)
		case !arg.HasValue:
			b.WriteString(arg.Name)
		case strings.ContainsAny(arg.Value, " \t\n\v\f\r"):
			b.WriteString(arg.Name + `="` + arg.Value + `"`)
		default:
			b.WriteString(arg.Name + "=" + arg.Value)
		}
	}

	return b.String()
}
