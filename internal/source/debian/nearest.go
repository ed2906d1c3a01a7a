package debian

import (
	"context"
	"strings"
)

// nearest returns the known package whose name is likest to name, or "".
func (a *apt) nearest(ctx context.Context, name string) string {
	name, _, _ = strings.Cut(name, "=")
	best, bestDist := "", 1+len(name)/4
	err := a.run(ctx, "apt-cache", a.dir, func(n string) {
		if d := distance(name, n, bestDist); d < bestDist || (d == bestDist && (best == "" || n < best)) {
			best, bestDist = n, d
		}
	}, "pkgnames")
	if err != nil {
		a.s.log().Debug("no suggestion", "err", err) // which is a courtesy
		return ""
	}
	return best
}

// distance returns how many letters must be put in, taken out, replaced or
// swapped with the next to make b of a, or more than limit when more than
// that (optimal string alignment).
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	row2, row1, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row1 {
		row1[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(row1[j]+1, row[j-1]+1, row1[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], row2[j-2]+1)
			}
		}
		row2, row1, row = row1, row, row2
	}
	return row1[len(b)]
}
