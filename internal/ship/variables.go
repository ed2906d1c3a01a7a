package ship

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/spelling"
)

// The variables of a definition: sailor's, then our own. ip_<interface> is
// one more of sailor's.
var (
	sailorVariables = []string{
		"shipname", "shippath", "services", "packages", "shipbins", "sync_dirs", "ro_mounts", "rw_mounts",
		"run_at_build", "run_at_start", "run_at_stop", "run_at_status", "run_at_destroy", "debug",
	}
	ourVariables = []string{
		"program", "cmd", "env", "user", "workdir", "expose", "memory", "guest", "entrypoint", "volumes", "publish",
		"healthcheck", "stopsignal", "labels", "sets", "release", "also", "prune",
	}
)

func isKnown(name string) bool {
	return slices.Contains(sailorVariables, name) || slices.Contains(ourVariables, name) || strings.HasPrefix(name, "ip_")
}

// noteMisspelt notes each variable that means nothing to anybody, is read
// nowhere in the definition, and is a few slips away from one that does.
// Others are the author's own business. sailor would pass over them all.
func (c *conf) noteMisspelt() {
	known := slices.Concat(sailorVariables, ourVariables)
	for _, name := range slices.Sorted(maps.Keys(c.assigned)) {
		if isKnown(name) || c.used[name] || netbsdTools[name] != "" {
			continue
		}
		if near := spelling.Nearest(name, known); near != "" {
			c.notes = append(c.notes, fmt.Sprintf("%s:%d: unknown variable %q: did you mean %q?", c.file, c.assigned[name], name, near))
		}
	}
}
