package page

import (
	"fmt"
	"strings"

	"github.com/akmon-os/akmon/test/bench/result"
)

// seconds writes a time as precisely as it is worth reading.
func seconds(s float64) string {
	switch {
	case s >= 120:
		whole := int64(s + 0.5)

		return fmt.Sprintf("%d min %02d s", whole/60, whole%60)
	case s >= 10:
		return fmt.Sprintf("%.1f s", s)
	case s >= 0.1:
		return fmt.Sprintf("%.2f s", s)
	default:
		return fmt.Sprintf("%.1f ms", s*1000)
	}
}

func mib(bytes float64) string { return fmt.Sprintf("%.1f MiB", bytes/(1<<20)) }

func times(ratio float64) string { return fmt.Sprintf("%.2f times", ratio) }

func limit(n int, unit string) string { return fmt.Sprintf("at most %d %s", n, unit) }

// spread is a range, in the format of its values.
func spread(s result.Samples, format func(float64) string) string {
	least, greatest := s.Range()

	return format(least) + " to " + format(greatest)
}

// meets says how a figure stands to its limit.
func meets(figure, limit float64) string {
	if figure <= limit {
		return "met"
	}

	return "**missed**"
}

// table writes rows; the first is the head. Columns whose head ends in "›" are
// aligned to the right.
func table(w *strings.Builder, rows [][]string) {
	for i, row := range rows {
		cells := make([]string, len(row))
		for n, cell := range row {
			cells[n] = strings.NewReplacer("|", `\|`, "\n", " ").Replace(cell)
		}

		line := "| " + strings.Join(cells, " | ") + " |\n"
		if i > 0 {
			w.WriteString(line)

			continue
		}

		w.WriteString(strings.ReplaceAll(line, "›", ""))
		w.WriteByte('|')

		for _, cell := range cells {
			if strings.HasSuffix(cell, "›") {
				w.WriteString("---:|")
			} else {
				w.WriteString("---|")
			}
		}

		w.WriteByte('\n')
	}
}
