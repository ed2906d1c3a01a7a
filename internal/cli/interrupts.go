package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// errInterrupted ends a command whose user interrupted it: there is nothing
// left to say, and the code is a shell's for SIGINT.
var errInterrupted = &exitError{code: 130}

// interrupts is what the user wants to end, by a signal or a key: the first
// asks for a clean stop, the second for an end at once.
type interrupts struct {
	stopped chan struct{} // closed by the first
	killed  chan struct{} // closed by the second, or by Ctrl-A x

	mu      sync.Mutex
	asked   bool
	forced  bool
	signals chan os.Signal
	done    chan struct{}
	watcher sync.WaitGroup
}

// watchInterrupts watches SIGINT, SIGTERM and SIGHUP until close.
func watchInterrupts() *interrupts {
	in := &interrupts{
		stopped: make(chan struct{}),
		killed:  make(chan struct{}),
		signals: make(chan os.Signal, 4),
		done:    make(chan struct{}),
	}
	signal.Notify(in.signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	in.watcher.Go(in.watch)
	return in
}

func (in *interrupts) watch() {
	for {
		select {
		case <-in.signals:
			in.ask(keyStop)
		case <-in.done:
			return
		}
	}
}

// ask notes what the user wants.
func (in *interrupts) ask(a keyAction) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if (in.asked || a == keyKill) && !in.forced {
		in.forced = true
		close(in.killed)
	}
	if !in.asked {
		in.asked = true
		close(in.stopped)
	}
}

// context returns one that ends at the first interrupt.
func (in *interrupts) context(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	in.watcher.Go(func() {
		select {
		case <-in.stopped:
			cancel(errInterrupted)
		case <-ctx.Done():
		case <-in.done:
		}
	})
	return ctx, func() { cancel(nil) }
}

// close ends the watch.
func (in *interrupts) close() {
	signal.Stop(in.signals)
	close(in.done)
	in.watcher.Wait()
}
