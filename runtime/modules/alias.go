package modules

import "strings"

// normalize makes the two spellings of a name one: in names of modules and in
// aliases "-" and "_" are the same, but not inside the brackets of a pattern.
func normalize(s string) string {
	if strings.IndexByte(s, '-') < 0 {
		return s
	}

	b := []byte(s)
	inside := false

	for i, c := range b {
		switch {
		case c == '[':
			inside = true
		case c == ']':
			inside = false
		case c == '-' && !inside:
			b[i] = '_'
		}
	}

	return string(b)
}

// match says whether a pattern of modules.alias covers a name, by the rules of
// fnmatch(3) without flags: "*", "?" and brackets match any byte, "/" too.
func match(pattern, name string) bool {
	// Where to go on when what follows the last "*" did not fit: one byte later.
	star, next := -1, 0
	p, n := 0, 0

	for n < len(name) {
		if p < len(pattern) {
			if pattern[p] == '*' {
				star, next = p, n
				p++

				continue
			}

			if width := one(pattern[p:], name[n]); width > 0 {
				p += width
				n++

				continue
			}
		}

		if star < 0 {
			return false
		}

		next++
		p, n = star+1, next
	}

	return strings.Trim(pattern[p:], "*") == ""
}

// one matches a byte against the first element of a pattern and returns the
// element's length, or 0.
func one(pattern string, c byte) int {
	switch pattern[0] {
	case '?':
		return 1
	case '[':
		if width, ok := set(pattern, c); width > 0 {
			if ok {
				return width
			}

			return 0
		}
	case '\\':
		if len(pattern) > 1 {
			if pattern[1] == c {
				return 2
			}

			return 0
		}
	}

	if pattern[0] == c {
		return 1
	}

	return 0
}

// set matches a byte against a bracket expression and returns the expression's
// length, which is 0 when the bracket is not closed: it stands for itself then.
func set(pattern string, c byte) (width int, ok bool) {
	i := 1
	negated := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')

	if negated {
		i++
	}

	for first := true; i < len(pattern); first = false {
		if pattern[i] == ']' && !first {
			return i + 1, ok != negated
		}

		low := pattern[i]
		if low == '\\' && i+1 < len(pattern) {
			i++
			low = pattern[i]
		}

		i++
		high := low

		if i+1 < len(pattern) && pattern[i] == '-' && pattern[i+1] != ']' {
			high = pattern[i+1]
			i += 2
		}

		ok = ok || low <= c && c <= high
	}

	return 0, false
}
