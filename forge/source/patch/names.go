package patch

import (
	"path/filepath"
	"strconv"
	"strings"
)

// headerName is the name in a "---" or "+++" line: up to the tab before the
// time, or the first blank where there is no tab. "" stands for /dev/null.
func headerName(s string) string {
	s = strings.TrimRight(s, "\r\n")

	name, _, tab := strings.Cut(s, "\t")
	if !tab && !strings.HasPrefix(s, `"`) {
		name, _, _ = strings.Cut(s, " ")
	}

	if name = unquote(name); name == "/dev/null" {
		return ""
	}

	return name
}

// gitNames splits "a/x b/x". Names with blanks that are not quoted can only be
// told apart when both are the same, which they are where no other line names
// them.
func gitNames(s string) (old, updated string) {
	if strings.HasPrefix(s, `"`) {
		if quoted, err := strconv.QuotedPrefix(s); err == nil {
			return unquote(quoted), unquote(strings.TrimPrefix(s[len(quoted):], " "))
		}
	}

	if half := len(s) / 2; len(s)%2 == 1 && s[half] == ' ' {
		return s[:half], s[half+1:]
	}

	old, updated, _ = strings.Cut(s, " ")

	return old, unquote(updated)
}

// unquote undoes Git's quoting of names (core.quotePath), which is that of C.
func unquote(s string) string {
	if !strings.HasPrefix(s, `"`) {
		return s
	}

	if plain, err := strconv.Unquote(s); err == nil {
		return plain
	}

	return s
}

// strip removes n leading parts, and tells whether there are that many and
// what remains is a name below the directory.
func strip(name string, n int) (string, bool) {
	for range n {
		_, rest, ok := strings.Cut(name, "/")
		if !ok {
			return "", false
		}

		name = strings.TrimLeft(rest, "/")
	}

	name = filepath.Clean(name)

	return name, filepath.IsLocal(name) && name != "."
}
