// Package spelling finds what somebody meant who typed a name that does not
// exist.
package spelling

// Nearest returns the one of known that is likest to word: at most a quarter
// of word's letters, but one at least, may have to be put in, taken out,
// replaced or swapped with the next. Of several that are as like it is the
// first. It is "" where none is alike. Letters are bytes.
func Nearest(word string, known []string) string {
	best, limit := "", min(max(1, len(word)/4), len(word)-1)
	for _, k := range known {
		if d := distance(word, k, limit); d <= limit {
			best, limit = k, d-1
		}
	}
	return best
}

// distance returns how many letters must be put in, taken out, replaced or
// swapped with the next to make b of a, or more than limit when it is more
// than that (optimal string alignment).
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
			differs := 1
			if a[i-1] == b[j-1] {
				differs = 0
			}
			row[j] = min(row1[j]+1, row[j-1]+1, row1[j-1]+differs)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], row2[j-2]+1)
			}
		}
		row2, row1, row = row1, row, row2
	}
	return row1[len(b)]
}
