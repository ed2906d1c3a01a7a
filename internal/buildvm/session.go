package buildvm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/fakecracker/fakecracker/internal/agent"
	"github.com/fakecracker/fakecracker/internal/agent/wire"
	"github.com/fakecracker/fakecracker/internal/build"
	"github.com/fakecracker/fakecracker/internal/instance"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// endLimit is how long QEMU may take to end once its guest's line has.
const endLimit = 5 * time.Second

// A session is a job whose guest runs.
type session struct {
	job   build.Job // complete
	dir   string    // of the guest's disks, removed with the session
	log   *slog.Logger
	begun time.Time

	plan *instance.Plan
	root root
	vm   *instance.Instance
	line *agent.Line
	last uint64 // ID of the last request
}

// connect opens the line and has the root read as it is before the first
// step.
func (s *session) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, bootLimit, fmt.Errorf("the guest's agent did not answer within %v", bootLimit))
	defer cancel()
	var err error
	s.line, err = s.vm.Line(ctx)
	if errors.Is(err, instance.ErrEnded) {
		return fmt.Errorf("boot the guest: %w", s.lost(err))
	}
	if err != nil {
		return fmt.Errorf("boot the guest: %w", errors.Join(context.Cause(ctx), err))
	}
	s.lap("boot")
	err = s.root.begin(ctx, s)
	s.lap("list")
	return err
}

// end ends the guest and removes its disks.
func (s *session) end() error {
	var errs []error
	if s.line != nil {
		errs = append(errs, s.line.Close())
	}
	if s.vm != nil {
		s.vm.Kill()
	}
	if s.root != nil {
		errs = append(errs, s.root.close())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// steps runs the job's steps. It returns the trees of those that succeeded.
func (s *session) steps(ctx context.Context) ([]tree.Tree, error) {
	var trees []tree.Tree
	now := s.job.Tree
	for n, step := range s.job.Steps {
		s.job.Started(n)
		if err := s.run(ctx, step); err != nil {
			return trees, err
		}
		s.lap("step")
		next, err := s.read(ctx, now, step)
		if err != nil {
			return trees, fmt.Errorf("%s: read what it left: %w", place(step), err)
		}
		s.lap("sync")
		now = next
		trees = append(trees, now)
	}
	return trees, nil
}

// place names a step as its author finds it.
func place(s ship.Step) string { return fmt.Sprintf("%s:%d: %s", s.File, s.Line, s.Text) }

// run runs one step to its end.
func (s *session) run(ctx context.Context, step ship.Step) error {
	limited, cancel := context.WithTimeout(ctx, s.job.Limit)
	defer cancel()
	ended, err := s.command(limited, step.Run)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case limited.Err() != nil && err != nil:
		return &build.StepError{Step: step, Code: 124, Text: fmt.Sprintf("took longer than %v", s.job.Limit)}
	case errors.Is(err, errLost):
		return &build.StepError{Step: step, Code: 125, Text: fmt.Sprintf("the guest ended under it: %v", s.lost(err))}
	case err != nil:
		return fmt.Errorf("%s: %w", place(step), err)
	}
	if ended.Left {
		s.note("the processes that it left running were ended")
	}
	return failure(step, ended)
}

// failure is the error of a step that did not end with 0.
func failure(step ship.Step, e wire.StepEnded) error {
	if e.Code == 0 && e.Text == "" {
		return nil
	}
	text := e.Text
	switch {
	case e.Signal != "":
		text = "killed by " + e.Signal
	case e.Code == 127 && text != "" && step.Run.Shell:
		text += ": the ship has no shell"
	}
	return &build.StepError{Step: step, Code: e.Code, Text: text}
}

// command has the guest run a command, and passes on what it prints.
func (s *session) command(ctx context.Context, r *ship.Run) (wire.StepEnded, error) {
	s.last++
	id := s.last
	service := wire.Service{Args: r.Args, Env: r.Env, User: r.User, Dir: r.Dir}
	if err := s.line.RunStep(ctx, wire.RunStep{ID: id, Service: service}); err != nil {
		return wire.StepEnded{}, lineError(err)
	}
	for {
		m, err := s.next(ctx)
		if err != nil {
			return wire.StepEnded{}, err
		}
		switch m := m.(type) {
		case wire.StepOutput:
			if _, err := s.job.Output.Write(m.Data); err != nil {
				return wire.StepEnded{}, fmt.Errorf("pass on what it prints: %w", err)
			}
		case wire.StepEnded:
			if m.ID == id {
				return m, nil
			}
		}
	}
}

// syncPoint has the guest put its root on disk.
func (s *session) syncPoint(ctx context.Context, first bool) error {
	s.last++
	id := s.last
	if err := s.line.SyncPoint(ctx, wire.SyncPoint{ID: id, First: first}); err != nil {
		return lineError(err)
	}
	for {
		m, err := s.next(ctx)
		if err != nil {
			return err
		}
		if m, ok := m.(wire.Synced); ok && m.ID == id {
			if m.Text != "" {
				return errors.New(m.Text)
			}
			return nil
		}
	}
}

// errLost says that the line to the guest broke.
var errLost = errors.New("the guest does not answer any more")

// lineError makes of any error of the line that ctx is not the cause of
// errLost.
func lineError(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w (%w)", errLost, err)
}

// next waits for the guest's next message. What it warns of is logged.
func (s *session) next(ctx context.Context) (wire.Message, error) {
	m, err := s.line.Next(ctx)
	if err != nil {
		return nil, lineError(err)
	}
	if e, ok := m.(wire.Error); ok {
		s.log.Warn("the build's guest says", "text", e.Text)
	}
	return m, nil
}

// lost says how the guest ended whose line broke by err.
func (s *session) lost(err error) error {
	select {
	case <-s.vm.Done():
		return errors.New(s.vm.Wait().End.String())
	case <-time.After(endLimit):
		return fmt.Errorf("its agent hung up, and it goes on (%w)", err)
	}
}

// note tells the reader of the steps' output something. That it can't be
// written is found out by the next of them.
func (s *session) note(text string) {
	_, _ = fmt.Fprintf(s.job.Output, "note: %s\n", text)
}

// lap logs how long a part of the job took.
func (s *session) lap(part string) {
	now := time.Now()
	s.log.Debug("build VM", "part", part, "took", now.Sub(s.begun))
	s.begun = now
}
