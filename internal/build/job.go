package build

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// A Runner runs steps in the system that they are for.
type Runner interface {
	// Run boots j.Guest from j.Tree, runs j.Steps one after another, and
	// returns the files as they are after each, in full, with their bytes'
	// digests. It stops at the first step that fails: the error is a
	// *StepError then, and the trees are those of the steps before it.
	Run(ctx context.Context, j Job) ([]tree.Tree, error)
}

// A Job is steps that share one boot.
type Job struct {
	Name    string        // of the ship, for messages
	Guest   image.Guest   // of the tree
	Tree    tree.Tree     // what the steps find
	Steps   []ship.Step   // each has a Run
	Dir     string        // folder for the bytes of what the steps write; they stay there
	Network bool          // the steps may reach the outside
	Memory  int64         // bytes; 0: what is usual
	Scratch int64         // bytes that the steps may write; 0: 1 GiB
	Limit   time.Duration // of one step; 0: an hour
	Output  io.Writer     // receives what the steps print
	Started func(n int)   // called when step n begins; may be nil
}

// A StepError says that a step's command failed.
type StepError struct {
	Step ship.Step
	Code int    // exit code, as a shell has it
	Text string // why it has none, or what else there is to say
}

// Error names the line and the command.
func (e *StepError) Error() string {
	text := e.Text
	if text == "" {
		text = fmt.Sprintf("exit code %d", e.Code)
	}
	return fmt.Sprintf("%s:%d: %s: %s", e.Step.File, e.Step.Line, e.Step.Text, text)
}
