package pkgtree

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/akmon-os/akmon/schemas/document"
)

// wrongSum says what is wrong with a sum of that many hexadecimal digits, and
// what to do about it; both are empty when nothing is.
func wrongSum(sum string, digits int) (message, hint string) {
	const hexadecimal = "0123456789abcdef"

	bare := strings.ToLower(strings.TrimSpace(sum))
	_, bare, prefixed := cutLast(bare, ":")
	sound := len(bare) == digits && strings.Trim(bare, hexadecimal) == ""

	switch wrong := strings.Trim(sum, hexadecimal); {
	case len(sum) == digits && wrong == "":
		return "", ""
	case sound && prefixed:
		return "this has something before them", "write the digits alone"
	case sound && len(sum) == digits:
		return "this has upper-case letters", "write them in lower case"
	case sound:
		return "this has spaces around them", "remove them"
	case len(sum) == digits:
		return fmt.Sprintf("and %q is none", firstOf(wrong)), ""
	case wrong == "" && len(sum) == 64:
		return "this is 64", "that is the length of a sha256"
	case wrong == "" && len(sum) == 128:
		return "this is 128", "that is the length of a sha512"
	default:
		return fmt.Sprintf("this is %d characters", len([]rune(sum))), ""
	}
}

func firstOf(s string) string { return string([]rune(s)[:1]) }

// cutLast is strings.Cut at the last sep; without one, all is after it.
func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", s, false
	}

	return s[:i], s[i+len(sep):], true
}

// urlHint tells whether text is the URL of something to download, and if not,
// what may be meant.
func urlHint(text string) (hint string, ok bool) {
	u, err := url.Parse(text)

	switch {
	case err != nil && strings.Contains(text, " "):
		return "it has a space", false
	case err != nil:
		return "", false
	case u.Scheme == "file":
		return "a file of the tree is in /pkg; for a directory use `local`", false
	case u.Scheme == "" && strings.Contains(text, "."):
		return fmt.Sprintf("did you mean %q?", "https://"+strings.TrimLeft(text, "/")), false
	case u.Scheme != "http" && u.Scheme != "https":
		return document.Suggest(u.Scheme, []string{"http", "https"}), false
	case u.Host == "":
		return "it names no host", false
	default:
		return "", true
	}
}
