// Package samples is what the benchmarks measure and how they print it.
package samples

import (
	"fmt"
	"slices"
	"time"
)

// Times are the times of one side.
type Times []time.Duration

// Median returns the middle one.
func (t Times) Median() time.Duration {
	sorted := slices.Sorted(slices.Values(t))
	return sorted[len(sorted)/2]
}

// String gives the median and the spread.
func (t Times) String() string {
	return fmt.Sprintf("median %s ms, %s to %s ms, %d runs", ms(t.Median()), ms(slices.Min(t)), ms(slices.Max(t)), len(t))
}

// Ratio is how much longer the median of t is than that of o.
func (t Times) Ratio(o Times) float64 { return float64(t.Median()) / float64(o.Median()) }

// ms has three digits that count.
func ms(d time.Duration) string {
	v := float64(d) / float64(time.Millisecond)
	if v < 100 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
