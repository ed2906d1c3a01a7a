//go:build !linux

package ffs

import "os"

// copyRange leaves everything to the caller.
func copyRange(*os.File, int64, *os.File, int64, int64) (int64, error) { return 0, nil }
