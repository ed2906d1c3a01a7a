package wire

import (
	"errors"
	"strings"
)

// MaxOutput is how many bytes of a step's output the guest puts into one
// StepOutput.
const MaxOutput = 32 << 10

// Steps says that the guest exists for commands that the host sends over the
// line, one after another, and ends when it is asked to.
type Steps struct {
	// Changes is the block device that takes what was changed at each sync
	// point, as WriteChanges writes it; "" where the host reads the root
	// itself.
	Changes string `json:"changes,omitempty"`
}

// Messages of a guest with Steps, from the host. One is answered before the
// next is sent.
type (
	// RunStep asks for a command to be run to its end, and for what it left
	// running to be ended. StepOutput and then StepEnded answer it. After a
	// sync point it makes the root writable again.
	RunStep struct {
		ID uint64 `json:"id"`
		Service
	}
	// SyncPoint asks for the root to be put on disk as it is; the guest
	// leaves it alone from Synced to the next RunStep.
	SyncPoint struct {
		ID uint64 `json:"id"`
		// First is the sync point before the first step: nothing counts as
		// changed yet.
		First bool `json:"first,omitempty"`
	}
)

// Messages of a guest with Steps, from the guest.
type (
	// StepOutput is a piece of what a step printed.
	StepOutput struct {
		ID     uint64 `json:"id"`
		Stream int    `json:"stream"` // 1: standard output, 2: standard error
		Data   []byte `json:"data"`   // at most MaxOutput bytes
	}
	// StepEnded says how a step's command ended.
	StepEnded struct {
		ID     uint64 `json:"id"`
		Code   int    `json:"code"`             // as a shell has it
		Signal string `json:"signal,omitempty"` // "SIGKILL", of one that was killed
		Text   string `json:"text,omitempty"`   // why it could not be started
		Left   bool   `json:"left,omitempty"`   // it left processes running, which were ended
	}
	// Synced answers a SyncPoint.
	Synced struct {
		ID   uint64 `json:"id"`
		Text string `json:"text,omitempty"` // why the root is not in order
	}
)

func (RunStep) kind() string    { return "runstep" }
func (SyncPoint) kind() string  { return "syncpoint" }
func (StepOutput) kind() string { return "stepoutput" }
func (StepEnded) kind() string  { return "stepended" }
func (Synced) kind() string     { return "synced" }

// openStep is open for the messages of a guest with Steps.
func (e envelope) openStep() (Message, error) {
	switch e.Type {
	case "runstep":
		return body[RunStep](e)
	case "syncpoint":
		return body[SyncPoint](e)
	case "stepoutput":
		return body[StepOutput](e)
	case "stepended":
		return body[StepEnded](e)
	case "synced":
		return body[Synced](e)
	}
	return Unknown{e.Type}, nil
}

// Validate says what in r a guest could not obey.
func (r RunStep) Validate() error {
	if len(r.Args) == 0 {
		return errors.New("the step has no command")
	}
	return r.Service.validate()
}

// validateSteps says why a configuration with Steps can't be obeyed.
func (c Config) validateSteps() error {
	switch {
	case c.Steps == nil:
		return nil
	case c.Init != "" || len(c.Service.Args) > 0:
		return errors.New("both steps and something else to start are configured")
	case len(c.Key) == 0:
		return errors.New("steps are configured and no line that they could come on")
	case strings.IndexByte(c.Steps.Changes, 0) >= 0:
		return errors.New("the device for changes has a NUL byte in its name")
	}
	return nil
}
