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
	if len(s.Hooks.Build) > 0 {
		where := at(s, "run_at_build")
		if _, ok := s.Lines["run_at_build[0]"]; ok {
			where = at(s, "run_at_build[0]")
		}
		return fmt.Errorf("%s: run_at_build can't be run yet (%q and %d more): put what it makes into an overlay, ships/%s/",
			where, s.Hooks.Build[0], len(s.Hooks.Build)-1, s.Name)
	}
	if g.OS == "netbsd" {
		return possibleOnNetBSD(s, g)
	}
	if len(s.Services) > 0 {
		return fmt.Errorf("%s: services are started by NetBSD's rc.d, which a Linux guest doesn't have: say what to start with cmd=", at(s, "services"))
	}
	if g.Arch != "amd64" {
		return fmt.Errorf("guests with Linux are amd64, not %s: use --guest linux/amd64", g.Arch)
	}
	return nil
}

func possibleOnNetBSD(s ship.Ship, g image.Guest) error {
	for _, v := range []struct {
		name   string
		values []string
	}{
		{"packages", s.Packages}, {"shipbins", s.Bins}, {"sync_dirs", s.SyncDirs}, {"services", s.Services},
	} {
		if len(v.values) == 0 {
			continue
		}
		return fmt.Errorf("%s: %s (%s) for %s guests can't be built yet: use --guest linux, or a ship of overlays and static programs",
			at(s, v.name), v.name, shorten(v.values), g)
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
