package build

import (
	"fmt"
	"strings"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/ship"
)

// possible refuses what can't be built yet, with what to do instead, before
// anything is downloaded or copied.
func possible(s ship.Ship, g image.Guest) error {
	if g.OS == "netbsd" {
		return nil
	}
	if len(s.Services) > 0 {
		return fmt.Errorf("%s: services are started by NetBSD's rc.d, which a Linux guest doesn't have: say what to start with cmd=", at(s, "services"))
	}
	if g.Arch != "amd64" {
		return fmt.Errorf("guests with Linux are amd64, not %s: use --guest linux/amd64", g.Arch)
	}
	return nil
}

// shorten names the first of several.
func shorten(values []string) string {
	const most = 3
	if len(values) > most {
		return strings.Join(values[:most], " ") + " …"
	}
	return strings.Join(values, " ")
}
