// Package instance turns an image and a kernel into a microVM that is booted,
// watched until it is ready, and ended cleanly.
//
// Prepare decides everything, and makes nothing but cache entries; the Plan it
// returns can be shown (Command) or started. An Instance owns its VM, its
// network and its private disk, which are all gone when it has ended.
package instance

import (
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/fakecracker/fakecracker/internal/disk"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/kernel"
	"github.com/fakecracker/fakecracker/internal/network"
)

// Boot says what PID 1 of the guest is.
type Boot string

// The ways to boot.
const (
	BootAgent Boot = "agent" // our agent: network, service, clean end
	BootGuest Boot = "guest" // the init that the image brings, as in the article
)

// Defaults of Options.
const (
	DefaultMemory      = 128 << 20
	DefaultStopTimeout = 10 * time.Second
)

// Options say what is run, and how. Image and Kernel are needed; the rest has
// usable zero values.
type Options struct {
	Name    string // "": made from the image's name
	Image   image.Image
	Kernel  kernel.Kernel
	Machine string // machine.TypePC or TypeMicroVM; "": what the kernel boots on, microvm first
	Boot    Boot   // "": BootGuest if the image brings an init, else BootAgent
	Memory  int64  // bytes; 0: the image's, else DefaultMemory
	CPUs    int    // 0: 1
	Env     []string
	Ports   []uint16        // published guest ports, which must accept before the instance is ready
	Subnet  netip.Prefix    // of the guest's network; zero: 10.0.2.0/24
	Egress  *network.Egress // what the guest reaches; nil: nothing
	Append  string          // more words for the kernel
	Layout  disk.Layout     // of a NetBSD guest's root disk; zero: a bare file system
	Accel   string          // an accelerator's name; "": tcg

	// StopTimeout is how long the service has to end after SIGTERM, and a
	// guest to power off; 0: DefaultStopTimeout.
	StopTimeout time.Duration
	// Home is the state folder.
	Home string
	// Steps, if set, makes a guest that runs commands which it is sent
	// (Instance.Line), in place of the image's service.
	Steps *Steps
	// Began is when the time line starts; zero: when Prepare is called.
	Began time.Time
	// Logger is told what is of no concern to most; nil: nobody is.
	Logger *slog.Logger
	// NotAfter, if set, is the latest time of a file on the root disk.
	NotAfter time.Time
	// Progress is told how many bytes of a root disk are written.
	Progress func(done, total int64)
}

// Steps say how a guest that runs commands is made.
type Steps struct {
	// Dir is the folder in which its disks are made, raw, for it alone: the
	// root, and on Linux a second one for what was changed. What the guest
	// writes stays there.
	Dir string
	// Free is the room in bytes that the commands have on the root.
	Free int64
}

// complete fills in what was left empty, and refuses what can't be run.
func (o Options) complete() (Options, error) {
	if o.Began.IsZero() {
		o.Began = time.Now()
	}
	if o.Name == "" {
		o.Name = NewName(o.Image.Name)
	}
	if err := CheckName(o.Name); err != nil {
		return o, err
	}
	if o.Memory == 0 {
		o.Memory = o.Image.Config.Memory
	}
	if o.Memory == 0 {
		o.Memory = DefaultMemory
	}
	if o.CPUs == 0 {
		o.CPUs = 1
	}
	if o.StopTimeout == 0 {
		o.StopTimeout = DefaultStopTimeout
	}
	if o.Accel == "" {
		o.Accel = "tcg"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o.completeBoot()
}

// completeBoot decides who is PID 1.
func (o Options) completeBoot() (Options, error) {
	init := o.Image.Config.Init
	switch {
	case o.Steps != nil:
		o.Boot = BootAgent
		return o, nil
	case o.Boot == "" && init:
		o.Boot = BootGuest
	case o.Boot == "":
		o.Boot = BootAgent
	case o.Boot == BootGuest && !init:
		return o, fmt.Errorf("boot %s with its own init: it brings no /sbin/init and /etc/rc (leave --boot out)", o.Image.Name)
	}
	if o.Boot == BootAgent && len(o.Image.Config.Args()) == 0 {
		return o, fmt.Errorf("boot %s: it starts nothing: say what in its ship.conf, as cmd=\"…\"", o.Image.Name)
	}
	return o, nil
}
