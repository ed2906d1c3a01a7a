package buildvm

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// laps is a log that adds up how long the parts of a job took.
type laps struct {
	slog.Handler
	took map[string]time.Duration
}

func (l laps) Enabled(context.Context, slog.Level) bool { return true }

func (l laps) Handle(_ context.Context, r slog.Record) error {
	var part string
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "part":
			part = a.Value.String()
		case "took":
			if part != "" {
				l.took[part] += a.Value.Duration()
			}
		}
		return true
	})
	return nil
}

// BenchmarkJob boots a tree of 5,000 files and runs four steps that change
// next to nothing: what deriving the disk, the boot, a step and its sync
// point take.
func BenchmarkJob(b *testing.B) {
	for _, g := range guests {
		b.Run(g.name, func(b *testing.B) {
			base := g.base(b)
			for i := range 5000 {
				p := fmt.Sprintf("/usr/share/many/%d/%d", i/50, i)
				if err := base.Put(tree.NewFile(p, 0o644, []byte(strings.Repeat(p, 50)), t0, "base")); err != nil {
					b.Fatal(err)
				}
			}
			base.MakeParents(t0)
			tr := g.try(b, base, "worker pass", "worker pass", "worker pass", "worker pass")
			l := laps{slog.DiscardHandler, map[string]time.Duration{}}
			tr.runner.Logger = slog.New(l)
			for b.Loop() {
				if _, err := tr.runner.Run(b.Context(), tr.job); err != nil {
					b.Fatal(err)
				}
			}
			for part, times := range map[string]int{"prepare": 1, "boot": 1, "list": 1, "step": 4, "sync": 4} {
				b.ReportMetric(float64(l.took[part].Milliseconds())/float64(times*b.N), part+"-ms")
			}
			if err := os.RemoveAll(tr.job.Dir); err != nil {
				b.Fatal(err)
			}
		})
	}
}
