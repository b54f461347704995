package deb

import (
	"fmt"
	"strings"
)

// CompareVersions orders two version numbers as dpkg does, see deb-version(7):
// -1 if a is the earlier, 0 if they are equal, 1 if a is the later. Any strings
// are ordered; whether they are valid versions is not its concern.
func CompareVersions(a, b string) int {
	epochA, upstreamA, revisionA := splitVersion(a)
	epochB, upstreamB, revisionB := splitVersion(b)

	if c := compareDigits(epochA, epochB); c != 0 {
		return c
	}

	if c := compareParts(upstreamA, upstreamB); c != 0 {
		return c
	}

	return compareParts(revisionA, revisionB)
}

// splitVersion takes [epoch:]upstream[-revision] apart.
func splitVersion(v string) (epoch, upstream, revision string) {
	if before, after, ok := strings.Cut(v, ":"); ok {
		epoch, v = before, after
	}

	if i := strings.LastIndexByte(v, '-'); i >= 0 {
		return epoch, v[:i], v[i+1:]
	}

	return epoch, v, ""
}

// compareParts compares alternately what is not digits, by the special order
// below, and what is digits, by value.
func compareParts(a, b string) int {
	for a != "" || b != "" {
		i, j := 0, 0
		for (i < len(a) && !isDigit(a[i])) || (j < len(b) && !isDigit(b[j])) {
			if c := order(a, i) - order(b, j); c != 0 {
				return sign(c)
			}

			i++
			j++
		}

		a, b = a[min(i, len(a)):], b[min(j, len(b)):]

		i, j = digits(a), digits(b)
		if c := compareDigits(a[:i], b[:j]); c != 0 {
			return c
		}

		a, b = a[i:], b[j:]
	}

	return 0
}

// order ranks one character: a tilde comes even before the end, the end before
// letters, letters before everything else. A digit ends the part.
func order(s string, i int) int {
	switch {
	case i >= len(s) || isDigit(s[i]):
		return 0
	case s[i] == '~':
		return -1
	case s[i] >= 'a' && s[i] <= 'z', s[i] >= 'A' && s[i] <= 'Z':
		return int(s[i])
	default:
		return int(s[i]) + 256
	}
}

// compareDigits compares numbers of any length.
func compareDigits(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return sign(len(a) - len(b))
	}

	return strings.Compare(a, b)
}

func digits(s string) int {
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}

	return i
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	default:
		return 0
	}
}

// Relation is one package name with a condition on its version, as in a
// dependency field.
type Relation struct {
	Name    string
	Arch    string // what follows a colon, such as "any"; usually empty
	Op      string // <<, <=, =, >=, >> or empty
	Version string
}

// Accepts tells whether a package of this version meets the condition.
func (r Relation) Accepts(version string) bool {
	c := CompareVersions(version, r.Version)

	switch r.Op {
	case "":
		return true
	case "<<":
		return c < 0
	case "<=":
		return c <= 0
	case "=":
		return c == 0
	case ">=":
		return c >= 0
	case ">>":
		return c > 0
	default:
		return false
	}
}

// String is the relation as a dependency field has it.
func (r Relation) String() string {
	s := r.Name
	if r.Arch != "" {
		s += ":" + r.Arch
	}

	if r.Op != "" {
		s += " (" + r.Op + " " + r.Version + ")"
	}

	return s
}

// ParseRelations reads a dependency field: groups with commas between them,
// of each of which one alternative must be met. Empty groups are ignored.
func ParseRelations(field string) ([][]Relation, error) {
	var groups [][]Relation

	for group := range strings.SplitSeq(field, ",") {
		if strings.TrimSpace(group) == "" {
			continue
		}

		var alternatives []Relation

		for text := range strings.SplitSeq(group, "|") {
			relation, err := parseRelation(strings.TrimSpace(text))
			if err != nil {
				return nil, err
			}

			alternatives = append(alternatives, relation)
		}

		groups = append(groups, alternatives)
	}

	return groups, nil
}

func parseRelation(s string) (Relation, error) {
	name, condition, versioned := strings.Cut(s, "(")

	var r Relation

	r.Name, r.Arch, _ = strings.Cut(strings.TrimSpace(name), ":")
	if r.Name == "" || strings.ContainsAny(r.Name, " \t[]<>()") || strings.ContainsAny(r.Arch, " \t[]<>()") {
		return Relation{}, fmt.Errorf("dependency %q: it does not begin with one package name", s)
	}

	if !versioned {
		return r, nil
	}

	condition, ok := strings.CutSuffix(strings.TrimSpace(condition), ")")
	if !ok {
		return Relation{}, fmt.Errorf("dependency %q: the closing parenthesis is missing", s)
	}

	r.Version = strings.TrimSpace(strings.TrimLeft(condition, "<=> "))
	r.Op = strings.TrimSpace(condition[:len(condition)-len(strings.TrimLeft(condition, "<=> "))])

	switch r.Op {
	case "<": // the old spellings, which mean "or equal"
		r.Op = "<="
	case ">":
		r.Op = ">="
	case "<<", "<=", "=", ">=", ">>":
	default:
		return Relation{}, fmt.Errorf("dependency %q: %q is not a comparison", s, r.Op)
	}

	if r.Version == "" || strings.ContainsAny(r.Version, " \t()") {
		return Relation{}, fmt.Errorf("dependency %q: it does not have one version", s)
	}

	return r, nil
}
