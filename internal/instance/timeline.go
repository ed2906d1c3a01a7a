package instance

import (
	"fmt"
	"strings"
	"time"
)

// A Timeline is when each step of a boot was reached, measured from the start
// of Prepare. A step that was not seen is zero.
type Timeline struct {
	Disk   time.Duration `json:"disk_ns"`   // the root disk is derived, or found in the cache
	VMM    time.Duration `json:"vmm_ns"`    // QEMU is started
	Kernel time.Duration `json:"kernel_ns"` // the console's first byte: nothing before the kernel writes there
	Init   time.Duration `json:"init_ns"`   // the agent's first message
	Ready  time.Duration `json:"ready_ns"`  // the service answers
}

// String returns the steps in one line, unknown ones left out: "disk 41 ms ·
// vmm 52 ms · kernel 212 ms · init 671 ms · answering 1040 ms".
func (t Timeline) String() string {
	var parts []string
	for _, s := range t.Steps() {
		if s.At > 0 {
			parts = append(parts, fmt.Sprintf("%s %d ms", s.Name, s.At.Milliseconds()))
		}
	}
	return strings.Join(parts, " · ")
}

// A Step is one line of a Timeline.
type Step struct {
	Name string
	Text string // what it means, for people
	At   time.Duration
}

// Steps returns the time line as a list, in order, unknown steps with a zero
// time.
func (t Timeline) Steps() []Step {
	return []Step{
		{"disk", "root disk derived", t.Disk},
		{"vmm", "QEMU started", t.VMM},
		{"kernel", "kernel entered", t.Kernel},
		{"init", "agent's first message", t.Init},
		{"answering", "service answering", t.Ready},
	}
}
