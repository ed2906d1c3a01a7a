package fetch

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
)

func TestAll(t *testing.T) {
	var running, most, done atomic.Int32
	gate := make(chan struct{})
	task := func(context.Context) error {
		n := running.Add(1)
		defer running.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		if n == 3 {
			close(gate) // as many as there may be
		}
		<-gate
		done.Add(1)
		return nil
	}
	tasks := make([]func(context.Context) error, 3)
	for i := range tasks {
		tasks[i] = task
	}
	if err := All(t.Context(), 3, tasks...); err != nil || done.Load() != 3 || most.Load() != 3 {
		t.Errorf("All = %v; %d done, %d at a time", err, done.Load(), most.Load())
	}
	if err := All(t.Context(), 0, func(context.Context) error { return nil }); err != nil {
		t.Errorf("none at a time: %v", err)
	}
	if err := All(t.Context(), 5); err != nil {
		t.Errorf("nothing to do: %v", err)
	}
}

func TestAllBounds(t *testing.T) {
	var running atomic.Int32
	tasks := make([]func(context.Context) error, 50)
	for i := range tasks {
		tasks[i] = func(context.Context) error {
			defer running.Add(-1)
			if n := running.Add(1); n > 2 {
				return errors.New("more than 2 at a time")
			}
			return nil
		}
	}
	if err := All(t.Context(), 2, tasks...); err != nil {
		t.Error(err)
	}
}

func TestAllStops(t *testing.T) {
	stop := errors.New("stop")
	var began atomic.Int32
	waits := func(ctx context.Context) error {
		began.Add(1)
		<-ctx.Done()
		return ctx.Err()
	}
	fails := func(context.Context) error { return stop }
	if err := All(t.Context(), 2, waits, fails, waits, waits, waits); !errors.Is(err, stop) {
		t.Errorf("All = %v; want %v", err, stop)
	}
	if n := began.Load(); n > 1 {
		t.Errorf("%d tasks began after the error", n-1)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := All(ctx, 2, waits); !errors.Is(err, context.Canceled) {
		t.Errorf("All = %v; want %v", err, context.Canceled)
	}
}
