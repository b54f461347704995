package result

import "slices"

// Samples are repeated measurements of one thing.
type Samples []float64

// Median is the middle value, or the mean of the two in the middle; 0 without
// measurements.
func (s Samples) Median() float64 {
	if len(s) == 0 {
		return 0
	}

	sorted := slices.Sorted(slices.Values(s))
	middle := len(sorted) / 2

	if len(sorted)%2 == 1 {
		return sorted[middle]
	}

	return (sorted[middle-1] + sorted[middle]) / 2
}

// Range is the least and the greatest value; zeros without measurements.
func (s Samples) Range() (least, greatest float64) {
	if len(s) == 0 {
		return 0, 0
	}

	return slices.Min(s), slices.Max(s)
}

// Ratio is the median of s in units of the median of base; 0 when base is 0.
func (s Samples) Ratio(base Samples) float64 {
	if base.Median() == 0 {
		return 0
	}

	return s.Median() / base.Median()
}
