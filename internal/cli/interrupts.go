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
var errInterrupted = &exitError{code: exitInterrupted}

// interrupts is what the user wants to end, by a signal or a key: the first
// asks for a clean stop, the second for an end at once. The fifth ends
// the program without asking any part of it.
type interrupts struct {
	stopped chan struct{} // closed by the first
	killed  chan struct{} // closed by the second, or by Ctrl-A x

	mu      sync.Mutex
	count   int
	signals chan os.Signal
	done    chan struct{}
	watcher sync.WaitGroup
}

// watchInterrupts watches SIGINT, SIGTERM and SIGHUP until close, but not
// those that whoever started us wants ignored, as nohup(1) does. A write to a
// pipe that nobody reads gives an error meanwhile, and no SIGPIPE: there may
// be a terminal to restore.
func watchInterrupts() *interrupts {
	in := &interrupts{
		stopped: make(chan struct{}),
		killed:  make(chan struct{}),
		signals: make(chan os.Signal, 4),
		done:    make(chan struct{}),
	}
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Notify(in.signals, s)
		}
	}
	signal.Notify(in.signals, syscall.SIGPIPE)
	in.watcher.Go(in.watch)
	return in
}

func (in *interrupts) watch() {
	for {
		select {
		case s := <-in.signals:
			if s != syscall.SIGPIPE {
				in.ask(keyStop)
			}
		case <-in.done:
			return
		}
	}
}

// ask notes what the user wants.
func (in *interrupts) ask(a keyAction) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.count++; in.count == 1 {
		close(in.stopped)
	}
	if a == keyKill && in.count == 1 {
		in.count = 2
	}
	switch in.count {
	case 2:
		close(in.killed)
	case 5: // whoever presses it that often means it
		os.Exit(exitInterrupted)
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
