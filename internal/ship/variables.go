package ship

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The variables of a definition: sailor's, then our own. ip_<interface> is
// one more of sailor's.
var (
	sailorVariables = []string{
		"shipname", "shippath", "services", "packages", "shipbins", "sync_dirs", "ro_mounts", "rw_mounts",
		"run_at_build", "run_at_start", "run_at_stop", "run_at_status", "run_at_destroy", "debug",
	}
	ourVariables = []string{"program", "cmd", "env", "user", "workdir", "expose", "memory", "guest"}
)

func isKnown(name string) bool {
	return slices.Contains(sailorVariables, name) || slices.Contains(ourVariables, name) || strings.HasPrefix(name, "ip_")
}

// findMisspelt refuses a variable that means nothing to anybody, is read
// nowhere in the definition, and is one or two slips away from one that does.
// Others are the author's own business.
func (c *conf) findMisspelt() error {
	known := slices.Concat(sailorVariables, ourVariables)
	for _, name := range slices.Sorted(maps.Keys(c.assigned)) {
		line := c.assigned[name]
		if isKnown(name) || c.used[name] || netbsdTools[name] != "" {
			continue
		}
		for _, k := range known {
			slips := 2
			if len(k) < 7 {
				slips = 1
			}
			if distance(name, k) <= slips {
				return fmt.Errorf("%s:%d: unknown variable %q (did you mean %q?)", c.file, line, name, k)
			}
		}
	}
	return nil
}

// distance counts the letters to add, drop, change or swap with their
// neighbour to get from a to b (the optimal string alignment).
func distance(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 {
		return 3
	}
	two, one, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range one {
		one[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			same := 1
			if a[i-1] == b[j-1] {
				same = 0
			}
			row[j] = min(one[j]+1, row[j-1]+1, one[j-1]+same)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], two[j-2]+1)
			}
		}
		two, one, row = one, row, two
	}
	return one[len(b)]
}
