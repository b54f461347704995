package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// syntax describes why data is not YAML. The library that reads documents
// often names only the line where a mistake's surroundings begin; its
// successor knows the place, so the text is read once more with that.
func syntax(file string, data []byte, err error) *Error {
	if e := unreadable(file, data); e != nil {
		return e
	}

	p := problem{data: data}
	if p.parse(reread(data)); p.line == 0 {
		p.parse(err)
	}

	message, hint := p.describe()
	e := &Error{File: file, Message: "not valid YAML: " + message, Hint: hint, Line: p.line, Column: p.column}

	if e.Line > 0 {
		e.Text = lineOf(data, e.Line)
	}

	return e
}

// unreadable finds text that no YAML can be made of.
func unreadable(file string, data []byte) *Error {
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		return &Error{File: file, Message: "the text is UTF-16", Hint: "save it as UTF-8"}
	}

	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return &Error{File: file, Message: "the file is compressed (gzip)", Hint: "decompress it"}
	}

	line, column := 1, 1

	for rest := data; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)

		e := &Error{File: file, Line: line, Column: column}

		switch {
		case r == utf8.RuneError && size <= 1:
			e.Message, e.Hint = fmt.Sprintf("byte 0x%02x is not UTF-8", rest[0]), "save the text as UTF-8"
		case r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f:
			e.Message, e.Hint = fmt.Sprintf("the control character %U is not allowed in YAML", r), fmt.Sprintf(`within double quotes it is written \x%02x`, r)
		}

		if e.Message != "" {
			e.Text = lineOf(data, line)

			return e
		}

		if r == '\n' || r == '\r' && !bytes.HasPrefix(rest, []byte("\r\n")) {
			line, column = line+1, 1
		} else if r != 0xfeff {
			column++
		}

		rest = rest[size:]
	}

	return nil
}

// reread gives the other library's opinion of data.
func reread(data []byte) (err error) {
	// It is young, and only asked for its opinion of what is wrong anyway.
	defer func() {
		if r := recover(); r != nil {
			err = nil
		}
	}()

	decoder := yaml.NewDecoder(bytes.NewReader(data))

	for {
		var n yaml.Node
		if err := decoder.Decode(&n); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// problem is what a YAML library says: a message about a place, and within
// what it was.
type problem struct {
	data []byte

	message      string
	line, column int

	// within is what was being read, and began at the context's place.
	within                     string
	contextLine, contextColumn int
}

const place = `(?:line (\d+)(?:, column (\d+))?|<unknown position>)`

var said = regexp.MustCompile(`^yaml: (?:(while .*?) at ` + place + `: )?(?:` + place + `: )?(.*)$`)

func (p *problem) parse(err error) {
	if err == nil {
		return
	}

	m := said.FindStringSubmatch(err.Error())
	if m == nil {
		p.message = strings.TrimPrefix(err.Error(), "yaml: ")

		return
	}

	p.within, p.message = m[1], m[6]
	p.contextLine, p.contextColumn = placeOf(m[2], m[3])
	p.line, p.column = placeOf(m[4], m[5])

	// Up to v4.0.0-rc.4 the lines of what the parser finds, rather than the
	// scanner below it, count from zero, and places in the first are unknown.
	if strings.HasSuffix(fmt.Sprintf("%T", err), ".ParserError") {
		p.line++
		p.column = max(p.column, 1)

		if p.within != "" {
			p.contextLine++
			p.contextColumn = max(p.contextColumn, 1)
		}
	}

	if p.line == 0 {
		p.line, p.column = p.contextLine, p.contextColumn
	}
}

func placeOf(line, column string) (int, int) {
	l, err := strconv.Atoi(line)
	if err != nil {
		return 0, 0
	}

	c, err := strconv.Atoi(column)
	if err != nil {
		c = 1
	}

	return l, c
}

// text is a line without what stands before column.
func (p *problem) text(line, column int) string {
	runes := []rune(lineOf(p.data, line))

	return string(runes[min(max(column-1, 0), len(runes)):])
}

// toContext moves the finding to where what was being read began.
func (p *problem) toContext() {
	if p.contextLine > 0 {
		p.line, p.column = p.contextLine, p.contextColumn
	}
}
