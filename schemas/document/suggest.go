package document

import (
	"fmt"
	"slices"
	"strings"
)

// Suggest gives `did you mean "x"?` for the candidate nearest to word, or an
// empty string when none is near enough to be meant. The nearest is the one
// with the fewest edits; the first in order wins a tie. A candidate that ends
// with word after a slash is meant, too: amd64 for linux/amd64.
func Suggest(word string, candidates []string) string {
	sorted := slices.Clone(candidates)
	slices.Sort(sorted)

	word = strings.Trim(word, "“”„‟‘’‚‛«» \u00a0")

	// At least one character must be right.
	best, bestDistance := "", min(max(1, len(word)/3)+1, len(word))

	for _, c := range sorted {
		if strings.EqualFold(c, word) || word != "" && strings.HasSuffix(c, "/"+word) {
			return fmt.Sprintf("did you mean %q?", c)
		}

		if d := editDistance(strings.ToLower(word), strings.ToLower(c), bestDistance); d < bestDistance {
			best, bestDistance = c, d
		}
	}

	if best == "" {
		return ""
	}

	return fmt.Sprintf("did you mean %q?", best)
}

// editDistance is Levenshtein's, with the exchange of two neighbours as one
// edit; it gives up at limit.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}

	before, above := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}

	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i

		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}

			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)

			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}

		before, above = above, row
	}

	return above[len(b)]
}
