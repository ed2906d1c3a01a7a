package fetch

import (
	"context"
	"sync"
)

// All runs tasks, no more than n at a time, and waits for all that began. The
// first error ends the context of the others, keeps those that wait from
// beginning, and is returned; so is ctx's where that ends first.
func All(ctx context.Context, n int, tasks ...func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan func(context.Context) error)
	var workers sync.WaitGroup
	for range min(max(n, 1), len(tasks)) {
		workers.Go(func() {
			for task := range next {
				if ctx.Err() != nil {
					continue
				}
				if err := task(ctx); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, task := range tasks {
		select {
		case <-ctx.Done():
		case next <- task:
		}
	}
	close(next)
	workers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}
