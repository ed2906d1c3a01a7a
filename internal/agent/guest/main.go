//go:build linux || netbsd

package guest

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

// source is the hash of the source that this program was built from. The
// host's builder sets it with -ldflags -X.
var source string

// An agent is PID 1's state.
type agent struct {
	config  wire.Config
	reaper  *reaper
	journal *journal
	stop    chan wire.Stop // asked for by the host or by a signal
	orders  chan order     // steps and sync points; nobody takes them unless Config.Steps
	synced  syncState      // of the goroutine that serves steps
}

// Main is the whole life of PID 1. It never returns: a PID 1 that exits
// panics the kernel, so every way out of it ends the guest.
func Main() {
	begun := uptime()
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "agent: this program is the first process of a fakecracker guest and does nothing elsewhere")
		os.Exit(2)
	}
	// A guest may have 32 MB. The heap stays under a megabyte, where the
	// default would let it grow to four before the first collection.
	debug.SetGCPercent(25)
	defer lastWords()
	a := &agent{
		reaper:  newReaper(),
		journal: newJournal(),
		stop:    make(chan wire.Stop, 4),
		orders:  make(chan order, 1),
	}
	a.journal.times(func(t *wire.Times) { t.Init = begun })
	if err := a.run(); err != nil {
		a.warn(err)
	}
	a.end()
}

// run takes the guest from the kernel's hands to the end of the service.
func (a *agent) run() error {
	if err := a.prepare(); err != nil {
		return err
	}
	a.journal.times(func(t *wire.Times) { t.Root = uptime() })
	if a.config.Init != "" {
		return a.handOver()
	}
	a.heedSignals()
	if err := a.listen(); err != nil {
		a.warn(err)
	}
	a.network()
	a.journal.times(func(t *wire.Times) { t.Network = uptime() })
	a.raiseLimits()
	if a.config.Steps != nil {
		a.serveSteps()
		return nil
	}
	return a.serve()
}

// prepare reads the configuration and mounts what it asks for.
func (a *agent) prepare() error {
	if err := beforeConfig(); err != nil {
		return err
	}
	openConsole()
	c, disk, err := findConfig()
	if err != nil {
		return err
	}
	a.config = c
	if err := mountRoot(c.Root, disk); err != nil {
		return err
	}
	a.mounts()
	return nil
}

// handOver makes the configured init PID 1 in the agent's place.
func (a *agent) handOver() error {
	err := syscall.Exec(a.config.Init, []string{a.config.Init}, []string{"PATH=" + defaultPath, "HOME=/"})
	return fmt.Errorf("start %s: %w", a.config.Init, err)
}

// hello is what the agent says first on a new line.
func (a *agent) hello() wire.Hello {
	return wire.Hello{
		Source: source,
		OS:     runtime.GOOS,
		Arch:   runtime.GOARCH,
		Times:  a.journal.times(nil),
	}
}

// warn puts a problem that the guest lives on with on the console and tells
// the host.
func (a *agent) warn(err error) {
	if err == nil {
		return
	}
	say(err.Error())
	a.journal.add(wire.Error{Text: err.Error()})
}

// remark puts on the console what only costs the guest a convenience, such as
// a file system that most programs do without. The host does not hear of it:
// it would take it for the reason of a later end.
func remark(err error) {
	if err != nil {
		say(err.Error())
	}
}

// lastWords, deferred in each of PID 1's goroutines, ends the guest with a
// line on the console where the kernel would panic without saying why.
func lastWords() {
	if r := recover(); r != nil {
		say(fmt.Sprintf("the agent failed: %v", r))
		say(string(debug.Stack()))
		reboot()
	}
}

// ignore returns err unless it is one of those.
func ignore(err error, those ...error) error {
	for _, e := range those {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}
