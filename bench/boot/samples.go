package main

import (
	"fmt"
	"slices"
	"time"
)

// samples are the times of one side.
type samples []time.Duration

// median returns the middle one.
func (s samples) median() time.Duration { return s.quantile(0.5) }

func (s samples) quantile(q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

// String gives the median and the spread.
func (s samples) String() string {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return fmt.Sprintf("median %.0f ms, %.0f to %.0f ms, %d runs", ms(s.median()), ms(slices.Min(s)), ms(slices.Max(s)), len(s))
}
