package document

import (
	"fmt"
	"strings"
)

// quoteIt is what helps against most characters with a meaning.
const quoteIt = "quote the value"

// describe says in plain words what is wrong and what to do, and moves the
// finding to where it is done.
func (p *problem) describe() (message, hint string) {
	here := p.text(p.line, p.column)
	first, _, _ := strings.Cut(here, " ")

	switch {
	case strings.HasPrefix(p.text(p.contextLine, 1), "<<<<<<<") || strings.HasPrefix(p.text(p.line, 1), "======="):
		p.toContext()

		return "a merge left its conflict marks here", "resolve the conflict"
	case strings.HasPrefix(here, "\t") || strings.Contains(p.message, "tab character"):
		return "a tab stands where spaces are needed", "YAML is indented with spaces"
	case strings.Contains(p.message, "cannot start any token"):
		return fmt.Sprintf("a value cannot begin with %.1s", here), quoteIt
	case strings.Contains(p.within, "quoted scalar") && strings.Contains(p.message, "escape"):
		return fmt.Sprintf("%.2s is no escape within double quotes", here), `write \\ for a backslash, or use single quotes`
	case strings.Contains(p.within, "quoted scalar"):
		p.toContext()

		return "this quote is not closed", ""
	case strings.Contains(p.within, "flow sequence"):
		return p.open("list", "]")
	case strings.Contains(p.within, "flow mapping"):
		return p.open("mapping", "}")
	case strings.Contains(p.message, "mapping values are not allowed"):
		return p.secondColon()
	case strings.Contains(p.message, "could not find expected ':'"):
		return p.noColon()
	case strings.Contains(p.message, "block sequence entries are not allowed"):
		return "a list cannot begin on the line of its key", "put it on the next line"
	case strings.Contains(p.message, "did not find expected key"), strings.Contains(p.message, "did not find expected '-'"):
		return p.unexpected(first)
	case strings.Contains(p.message, "alphabetic or numeric"), strings.Contains(p.message, "unknown anchor"):
		return p.anchor()
	case strings.Contains(p.within, "block scalar"):
		return "after | or > only -, + and a digit may stand", "the text begins on the next line"
	case strings.Contains(p.message, "incompatible YAML document"):
		return "the %YAML directive names a version that is not known", "remove it"
	case strings.Contains(p.message, "<document start>"):
		return "there is text after the end of the document", ""
	default:
		return p.message, ""
	}
}

// open is about a bracket whose other one, or a comma, is missing. When the
// text goes on in another line, what is missing is where it began.
func (p *problem) open(what, bracket string) (message, hint string) {
	if p.line != p.contextLine {
		p.toContext()

		return "this " + what + " is not closed", "a " + bracket + " is missing"
	}

	return fmt.Sprintf("expected a comma or %s in this %s", bracket, what), ""
}

// secondColon is about a colon where no key can be.
func (p *problem) secondColon() (message, hint string) {
	line := lineOf(p.data, p.line)
	before := strings.TrimLeft(string([]rune(line)[:min(max(p.column-1, 0), len([]rune(line)))]), " -")

	if strings.Contains(before, ": ") {
		return "a second colon with a space in one line", quoteIt
	}

	return "the line is indented deeper than the one above, which has its value already", ""
}

// noColon is about a line that is no "key: value".
func (p *problem) noColon() (message, hint string) {
	p.toContext()

	before := strings.TrimRight(lineOf(p.data, p.line-1), " ")
	if strings.HasSuffix(before, "|") || strings.HasSuffix(before, ">") {
		return "the text of a block is not indented", "indent it deeper than the line that begins the block"
	}

	return "expected a key with a colon", "write `key: value`"
}

// unexpected is about something where a key or an entry of a list belongs.
func (p *problem) unexpected(first string) (message, hint string) {
	switch {
	case strings.HasPrefix(first, "]") || strings.HasPrefix(first, "}"):
		return fmt.Sprintf("nothing is open that %.1s could close", first), ""
	case strings.HasPrefix(first, ">>>>>>>") || strings.HasPrefix(first, "======="):
		return "a merge left its conflict marks here", "resolve the conflict"
	case strings.Contains(p.message, "'-'") && first != "-":
		return "expected another entry of the list, which begins with a dash", p.began()
	case strings.Contains(p.message, "key") && first == "-":
		return "expected a key, this is an entry of a list", p.began()
	default:
		return "the line is not indented as those that it belongs to", p.began()
	}
}

// began tells where the list or mapping is that a line does not fit into.
func (p *problem) began() string {
	if p.contextLine == 0 {
		return ""
	}

	return fmt.Sprintf("what it belongs to begins in line %d, column %d", p.contextLine, p.contextColumn)
}

// anchor is about & and *, and about patterns that begin with one.
func (p *problem) anchor() (message, hint string) {
	_, name, _ := strings.Cut(p.message, "unknown anchor '")
	name, _, known := strings.Cut(name, "'")

	if known && !strings.HasPrefix(name, ".") && !strings.ContainsAny(name, "*/") {
		return fmt.Sprintf("there is no anchor &%s above", name), ""
	}

	if strings.Contains(p.within, "anchor") {
		return "& begins the name of an anchor", quoteIt
	}

	return "* begins the name of an alias", quoteIt
}
