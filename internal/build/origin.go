package build

import (
	"fmt"
	"path/filepath"

	"github.com/fakecracker/fakecracker/internal/ship"
)

// relative returns the host file or folder by its path from the ship's
// folder, so that what is said of a file in the image doesn't depend on where
// the ship was checked out.
func (b *builder) relative(host string) string {
	if b.ship.Dir == "" || host == "" {
		return host
	}
	dir, err := filepath.Abs(b.ship.Dir)
	if err != nil {
		return host
	}
	abs, err := filepath.Abs(host)
	if err != nil {
		return host
	}
	rel, err := filepath.Rel(dir, abs)
	if err != nil {
		return host
	}
	return filepath.ToSlash(rel)
}

// because is the Entry.Why of what a variable of the ship brings.
func (b *builder) because(variable string) string {
	s := b.ship
	s.File = b.relative(s.File)
	return at(s, variable)
}

// whyOf is the Entry.Why of what the step makes.
func (b *builder) whyOf(s ship.Step) string {
	return fmt.Sprintf("%s (%s:%d)", s.Text, b.relative(s.File), s.Line)
}
