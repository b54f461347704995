package mirror

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Rule makes URLs that begin with Prefix be tried at Replacement.
type Rule struct {
	Prefix      string
	Replacement string
}

// Rules are rules in the order in which they are tried.
type Rules []Rule

// Rewrite returns the places that the rules give for url, without url itself
// and without repetitions.
func (r Rules) Rewrite(url string) []string {
	var places []string

	for _, rule := range r {
		rest, ok := cutPattern(url, rule.Prefix)
		if !ok {
			continue
		}

		place := join(rule.Replacement, rest)
		if place != url && !slices.Contains(places, place) {
			places = append(places, place)
		}
	}

	return places
}

// join appends rest to a replacement with exactly one slash between them where
// the replacement names a directory.
func join(replacement, rest string) string {
	if strings.HasSuffix(replacement, "/") {
		return replacement + strings.TrimPrefix(rest, "/")
	}

	return replacement + rest
}

// cutPattern removes from s a prefix in which * stands for one path element.
func cutPattern(s, pattern string) (rest string, ok bool) {
	for {
		literal, after, star := strings.Cut(pattern, "*")

		if s, ok = strings.CutPrefix(s, literal); !ok {
			return "", false
		}

		if !star {
			return s, true
		}

		end := strings.IndexByte(s, '/')
		if end < 0 {
			end = len(s)
		}

		if end == 0 {
			return "", false
		}

		s, pattern = s[end:], after
	}
}

// Validate tells what is wrong with a rule.
func (r Rule) Validate() error {
	if err := checkURL(strings.ReplaceAll(r.Prefix, "*", "any"), "http", "https", "ssh", "git"); err != nil {
		return fmt.Errorf("prefix %q: %w", r.Prefix, err)
	}

	if err := checkURL(r.Replacement, "http", "https", "file", "ssh", "git"); err != nil {
		return fmt.Errorf("replacement %q: %w", r.Replacement, err)
	}

	return nil
}

func checkURL(s string, schemes ...string) error {
	u, err := url.Parse(s)
	if err != nil {
		return fmt.Errorf("not a URL: %w", err)
	}

	switch {
	case !slices.Contains(schemes, u.Scheme):
		return fmt.Errorf("a URL that begins with %s:// is wanted", strings.Join(schemes, ":// or "))
	case u.Host == "" && u.Scheme != "file":
		return fmt.Errorf("the host is missing")
	case u.Scheme == "file" && !strings.HasPrefix(u.Path, "/"):
		return fmt.Errorf("an absolute path is wanted")
	}

	return nil
}

// ParseRules reads the syntax of AKMON_MIRRORS: pairs prefix=replacement with
// commas between them. Spaces around the parts are ignored, and so are empty
// pairs.
func ParseRules(s string) (Rules, error) {
	var rules Rules

	for i, pair := range strings.Split(s, ",") {
		pair = strings.TrimSpace(pair)
		if pair == "" {
			continue
		}

		prefix, replacement, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fmt.Errorf("pair %d, %q: want prefix=replacement", i+1, pair)
		}

		rule := Rule{Prefix: strings.TrimSpace(prefix), Replacement: strings.TrimSpace(replacement)}
		if err := rule.Validate(); err != nil {
			return nil, fmt.Errorf("pair %d: %w", i+1, err)
		}

		rules = append(rules, rule)
	}

	return rules, nil
}
