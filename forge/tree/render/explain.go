package render

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// parseError takes the place out of an error of text/template: "template:
// NAME:LINE: message" or "template: NAME:LINE:BYTE: executing ...", and says
// in plain words what the parser's often mean.
func (x *execution) parseError(err error) *failure {
	message := strings.TrimPrefix(err.Error(), "template: template:")

	var line, column int

	if n, _ := fmt.Sscanf(message, "%d:%d:", &line, &column); n < 2 {
		column = -1
	}

	if line > 0 {
		for range 2 {
			if number, rest, found := strings.Cut(message, ":"); found && strings.Trim(number, "0123456789") == "" {
				message = rest
			}
		}
	}

	message = strings.TrimSpace(message)

	if _, rest, found := strings.Cut(message, ">: "); found && strings.HasPrefix(message, "executing ") {
		message = rest
	}

	if offset, plain, hint := x.unclosed(message, line); plain != "" {
		return &failure{offset: offset, message: "template: " + plain, hint: hint}
	}

	// The template's name means nothing to the reader.
	message = strings.ReplaceAll(message, "template:", "line ")
	message = strings.TrimPrefix(message, "error calling fail: ")

	start := lineOffset(x.src, line)
	offset := start + column

	if column < 0 {
		offset = start

		if i := bytes.Index(lineAt(x.src, start), []byte("{{")); i >= 0 {
			offset += i
		}
	}

	return &failure{offset: min(offset, len(x.src)), message: "template: " + message, hint: hintFor(message)}
}

// hintFor says what to do about some of the parser's messages.
func hintFor(message string) string {
	switch {
	case strings.HasPrefix(message, `unexpected "}"`):
		return "an action ends with two braces"
	case message == "unexpected {{end}}" || message == "unexpected {{else}}":
		return "there is no block that it could belong to"
	case message == "missing value for command":
		return "write what to print between the braces"
	case strings.HasPrefix(message, "range can't iterate over"):
		return `splitList makes a list of a text: {{ range splitList "," .NAME }}`
	default:
		return ""
	}
}

var (
	startedAt = regexp.MustCompile(`action started at template:(\d+)`)
	keyword   = regexp.MustCompile(`\{\{-?\s*(if|range|with|define|block|end)\b`)
)

// unclosed finds where something began that does not end: the parser notices
// that where the text ends, or where something else can't be a part of it.
func (x *execution) unclosed(message string, line int) (offset int, plain, hint string) {
	switch m := startedAt.FindStringSubmatch(message); {
	case m != nil:
		if _, err := fmt.Sscan(m[1], &line); err != nil {
			return 0, "", ""
		}

		start := lineOffset(x.src, line)
		if i := bytes.LastIndex(lineAt(x.src, start), []byte("{{")); i >= 0 {
			return start + i, "this action is not closed", "}} is missing"
		}
	case message == "unexpected EOF":
		if begin, word := x.openBlock(); word != "" {
			return begin, "this {{ " + word + " }} is not closed", "{{ end }} is missing"
		}
	}

	return 0, "", ""
}

// openBlock finds the innermost block that no {{ end }} closes.
func (x *execution) openBlock() (offset int, word string) {
	type block struct {
		offset int
		word   string
	}

	var open []block

	for _, m := range keyword.FindAllSubmatchIndex(x.src, -1) {
		switch found := string(x.src[m[2]:m[3]]); {
		case found != "end":
			open = append(open, block{m[0], found})
		case len(open) > 0:
			open = open[:len(open)-1]
		}
	}

	if len(open) == 0 {
		return 0, ""
	}

	last := open[len(open)-1]

	return last.offset, last.word
}
