//go:build netbsd || openbsd

package ffs

import "os"

// dataRanges knows nothing of holes here: lseek(2) can't be asked.
func dataRanges(*os.File, int64) ([]Range, error) { return nil, nil }
