package cli

import (
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// barDelay is how long something must last to be worth a bar.
const barDelay = 300 * time.Millisecond

// A bar shows how far a long work has come: on a terminal a progress bar,
// elsewhere nothing, since the lines around it tell enough. It appears with the
// first call of set after barDelay.
type bar struct {
	title    string
	terminal *os.File // nil: none

	mu       sync.Mutex
	progress *mpb.Progress
	begun    time.Time
	bar      *mpb.Bar
}

func newBar(st *status, title string) *bar {
	b := &bar{title: title, begun: time.Now()}
	if f, ok := st.w.(*os.File); ok && !st.quiet && isTerminal(f) {
		b.terminal = f
	}
	return b
}

// set says that done of total units are done; a total below 0 is unknown.
func (b *bar) set(done, total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.terminal == nil || b.bar == nil && time.Since(b.begun) < barDelay {
		return
	}
	if b.bar == nil {
		b.show()
	}
	b.bar.SetTotal(max(total, 0), false)
	b.bar.SetCurrent(done)
}

func (b *bar) show() {
	b.progress = mpb.New(mpb.WithOutput(b.terminal), mpb.WithWidth(40))
	b.bar = b.progress.AddBar(0,
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(b.title+" ")),
		mpb.AppendDecorators(decor.CountersKiloByte("% .1f / % .1f"), decor.AverageSpeed(decor.SizeB1000(0), "  % .1f")),
	)
}

// finish takes the bar away.
func (b *bar) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar == nil {
		return
	}
	b.bar.Abort(true)
	b.progress.Wait()
}
