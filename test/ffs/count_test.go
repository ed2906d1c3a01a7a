package ffs_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestMain counts the disks of each guest for the line that scripts/test shows
// at the end.
func TestMain(m *testing.M) {
	code := m.Run()
	if path := os.Getenv("FAKECRACKER_TEST_SUMMARY"); path != "" {
		if err := os.WriteFile(path+".ffs", []byte(count.line()), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// A counter counts disks that guests tried, and says why others were not.
type counter struct {
	mu      sync.Mutex
	ran     map[string]int
	skipped map[string]string
}

var count = counter{ran: map[string]int{}, skipped: map[string]string{}}

func (c *counter) run(guest string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ran[guest]++
}

func (c *counter) skip(what, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skipped[what] = why
}

func (c *counter) line() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var parts []string
	for _, g := range slices.Sorted(maps.Keys(c.ran)) {
		parts = append(parts, fmt.Sprintf("%s %d", g, c.ran[g]))
	}
	for _, what := range slices.Sorted(maps.Keys(c.skipped)) {
		parts = append(parts, fmt.Sprintf("%s skipped (%s)", what, c.skipped[what]))
	}
	return "file systems: " + strings.Join(parts, ", ") + "\n"
}
