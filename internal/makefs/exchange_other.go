//go:build !linux

package makefs

import "os"

// takeName gives the file at temporary the name of another, which it removes.
func takeName(temporary, name string) error { return os.Rename(temporary, name) }
