package document

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Error is one finding in a document, with the place that it is about.
type Error struct {
	// File is the name that the document was read from.
	File string
	// Line and Column count from one; zero means that the finding is about
	// the file as a whole.
	Line, Column int
	// Message says what is wrong, in one line.
	Message string
	// Hint says what to do about it, such as `did you mean "name"?`.
	Hint string
	// Text is the offending line as written.
	Text string
	// Err tells programs what kind of finding it is; nil for most.
	Err error
}

// Unwrap gives Err to errors.Is.
func (e *Error) Unwrap() error { return e.Err }

// Error formats the finding as file:line:column: message; hint, followed by
// the offending line with a caret when it is known.
func (e *Error) Error() string {
	var b strings.Builder

	b.WriteString(e.File)

	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}

	b.WriteString(": " + e.Message)

	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}

	if e.Line > 0 && e.Text != "" {
		number := fmt.Sprintf("%5d", e.Line)
		fmt.Fprintf(&b, "\n%s | %s\n%s | %s^", number, e.Text, strings.Repeat(" ", len(number)), caretIndent(e.Text, e.Column))
	}

	return b.String()
}

// caretIndent keeps tabs, so that the caret stands below its column however
// wide the terminal draws them.
func caretIndent(text string, column int) string {
	var b strings.Builder

	for i, r := range []rune(text) {
		if i >= column-1 {
			break
		}

		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
	}

	return b.String()
}

// Errors is every finding of one or several documents, in order of position.
type Errors []*Error

// Error prints every finding, one after the other.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}

	return strings.Join(lines, "\n")
}

// Unwrap gives the findings to errors.As and errors.Is.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, err := range e {
		errs[i] = err
	}

	return errs
}

// OrNil is the list as an error: sorted by position, nil when it is empty.
func (e Errors) OrNil() error {
	if len(e) == 0 {
		return nil
	}

	slices.SortStableFunc(e, func(a, b *Error) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}

		if a.Line != b.Line {
			return a.Line - b.Line
		}

		return a.Column - b.Column
	})

	return e
}

// Unique is the list in order of position, without what it says twice about
// the same place.
func (e Errors) Unique() Errors {
	_ = e.OrNil() // sorts

	type key struct {
		file, message string
		line, column  int
	}

	seen := map[key]bool{}

	return slices.DeleteFunc(e, func(one *Error) bool {
		k := key{one.File, one.Message, one.Line, one.Column}
		again := seen[k]
		seen[k] = true

		return again
	})
}

// Join collects the findings of several errors into one list. An error that
// is not a finding is kept as one about file as a whole.
func Join(file string, errs ...error) Errors {
	var all Errors

	for _, err := range errs {
		if err == nil {
			continue
		}

		var (
			list Errors
			one  *Error
		)

		switch {
		case errors.As(err, &list):
			all = append(all, list...)
		case errors.As(err, &one):
			all = append(all, one)
		default:
			all = append(all, &Error{File: file, Message: err.Error()})
		}
	}

	return all
}

// At makes a finding about node n of the document data read from file. A nil
// node makes it one about the file as a whole.
func At(file string, data []byte, n *yaml.Node, format string, args ...any) *Error {
	e := &Error{File: file, Message: fmt.Sprintf(format, args...)}

	if n != nil && n.Line > 0 {
		e.Line, e.Column = n.Line, n.Column
		e.Text = lineOf(data, n.Line)
	}

	return e
}

// maxLine bounds the text that an error repeats; a longer line is cut.
const maxLine = 200

func lineOf(data []byte, line int) string {
	// YAML takes a carriage return alone for the end of a line, too.
	if bytes.IndexByte(data, '\r') >= 0 {
		data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
		data = bytes.ReplaceAll(data, []byte("\r"), []byte("\n"))
	}

	for range line - 1 {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			return ""
		}

		data = data[end+1:]
	}

	text, _, _ := bytes.Cut(data, []byte("\n"))

	if runes := []rune(string(text)); len(runes) > maxLine {
		return string(runes[:maxLine]) + "…"
	}

	return string(text)
}
