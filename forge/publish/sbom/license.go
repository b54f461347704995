package sbom

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const noAssertion = "NOASSERTION"

// licenseID is an SPDX licence identifier, LicenseRef-… included.
var licenseID = regexp.MustCompile(`^(DocumentRef-[A-Za-z0-9.-]+:)?[A-Za-z0-9][A-Za-z0-9.-]*\+?$`)

// expression joins licences that all apply into one SPDX expression (annex
// D); none is NOASSERTION. The list's order does not matter.
func expression(licenses []string) (string, error) {
	var parts []string

	for _, l := range licenses {
		l = strings.TrimSpace(l)

		compound, err := checkExpression(l)
		if err != nil {
			return "", err
		}

		if compound && len(licenses) > 1 {
			l = "(" + l + ")"
		}

		parts = append(parts, l)
	}

	if len(parts) == 0 {
		return noAssertion, nil
	}

	slices.Sort(parts)

	return strings.Join(slices.Compact(parts), " AND "), nil
}

// checkExpression checks the grammar of one expression, not whether the
// identifiers are on the licence list. compound: it has an operator outside
// of all brackets, other than WITH.
func checkExpression(text string) (compound bool, err error) {
	bad := func(why string) error {
		return fmt.Errorf("%w: licence %q: %s", ErrInput, text, why)
	}

	words := strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(text))
	depth, wantID := 0, true

	for i, word := range words {
		switch {
		case word == "(":
			if !wantID {
				return false, bad("operator expected before \"(\"")
			}

			depth++
		case word == ")":
			if wantID || depth == 0 {
				return false, bad("unexpected \")\"")
			}

			depth--
		case word == "AND" || word == "OR" || word == "WITH":
			if wantID {
				return false, bad("unexpected " + word)
			}

			if word == "WITH" && (i == 0 || words[i-1] == ")") {
				return false, bad("WITH follows a licence, not a bracket")
			}

			compound = compound || (depth == 0 && word != "WITH")
			wantID = true
		case !wantID:
			return false, bad(fmt.Sprintf("AND or OR expected before %q", word))
		case !licenseID.MatchString(word):
			return false, bad(fmt.Sprintf("%q is not an SPDX identifier", word))
		default:
			wantID = false
		}
	}

	if depth != 0 || wantID {
		return false, bad("it ends too early")
	}

	return compound, nil
}

// licenseRefs lists the LicenseRef-… identifiers of an expression, which the
// document must define itself.
func licenseRefs(expr string) []string {
	var refs []string

	for _, word := range strings.FieldsFunc(expr, func(r rune) bool { return r == ' ' || r == '(' || r == ')' }) {
		if strings.HasPrefix(word, "LicenseRef-") {
			refs = append(refs, strings.TrimSuffix(word, "+"))
		}
	}

	return refs
}
