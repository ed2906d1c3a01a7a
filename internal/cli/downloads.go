package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// redraw is how often a passing line is written anew at most: people read no
// faster.
const redraw = 100 * time.Millisecond

// downloads tell how far files have come that are fetched, several at a time:
// on a terminal in one passing line, elsewhere by a line for each as it begins.
type downloads struct {
	status *status

	mu    sync.Mutex
	files map[string][2]int64 // bytes that are here, and all
	shown time.Time
}

// report says that done of total bytes of a file are here; a total below 0 is
// unknown.
func (d *downloads) report(name string, done, total int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.files == nil {
		d.files = make(map[string][2]int64)
	}
	_, known := d.files[name]
	d.files[name] = [2]int64{done, total}
	ended := done >= total && total >= 0
	switch {
	case !isTerminal(d.status.w):
		if !known {
			d.status.pass("fetch", name)
		}
	case ended || time.Since(d.shown) >= redraw:
		d.shown = time.Now()
		d.status.pass("fetch", d.text())
	}
	if ended {
		delete(d.files, name)
	}
}

// text is the passing line: the files, and how far they have come together.
func (d *downloads) text() string {
	names := slices.Sorted(maps.Keys(d.files))
	var done, total int64
	known := true
	for _, f := range d.files {
		done, total, known = done+f[0], total+f[1], known && f[1] >= 0
	}
	if len(names) > 2 {
		names = append(names[:2], fmt.Sprintf("and %d more", len(names)-2))
	}
	text := strings.Join(names, " ") + "  " + formatSize(done)
	if known && total > 0 {
		text += fmt.Sprintf(" of %s  %d %%", formatSize(total), done*100/total)
	}
	return text
}
