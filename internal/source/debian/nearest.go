package debian

import (
	"context"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/spelling"
)

// nearest returns the known package whose name is likest to name, or "".
func (a *apt) nearest(ctx context.Context, name string) string {
	name, _, _ = strings.Cut(name, "=")
	var known []string
	err := a.run(ctx, "apt-cache", a.dir, func(n string) { known = append(known, n) }, "pkgnames")
	if err != nil {
		a.s.Log().Debug("no suggestion", "err", err) // which is a courtesy
		return ""
	}
	slices.Sort(known)
	return spelling.Nearest(name, known)
}
