//go:build linux || netbsd

package guest

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

const (
	// stopTime is how long a service has where no host says it.
	stopTime = 10 * time.Second
	// ackTime is how long the guest's end waits for the host to have seen
	// how the service ended.
	ackTime = 200 * time.Millisecond
	// lineTime is how long a service that ends at once waits for the host's
	// first connection, without which nobody would learn its exit code.
	lineTime = 2 * time.Second
)

// heedSignals keeps a signal to PID 1 from ending it: Go's runtime would
// exit. Those that ask an init to end do so here.
func (a *agent) heedSignals() {
	got := make(chan os.Signal, 4)
	signal.Notify(got, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM,
		syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPWR)
	go func() {
		defer lastWords()
		for s := range got {
			switch s {
			case syscall.SIGINT, syscall.SIGTERM, syscall.SIGPWR:
				a.askStop(wire.Stop{Timeout: stopTime})
			}
		}
	}()
}

// serve runs the service to its end.
func (a *agent) serve() error {
	pid, ended, err := a.start(a.config.Service)
	if err != nil {
		a.report(wire.Exited{Code: startCode(err)}, err)
		return nil
	}
	a.journal.add(wire.Started{PID: pid, Time: uptime()})
	status, asked := a.attend(pid, ended)
	e := exitOf(status)
	if e.Code == 0 || asked {
		a.report(e, nil)
		return nil
	}
	a.report(e, fmt.Errorf("the service ended with %s", describe(e)))
	return nil
}

// attend waits for the service's end, and brings it about when it is asked
// for.
func (a *agent) attend(pid int, ended <-chan syscall.WaitStatus) (status syscall.WaitStatus, asked bool) {
	var kill <-chan time.Time
	for {
		select {
		case status := <-ended:
			return status, asked
		case s := <-a.stop:
			asked = true
			a.signal(pid, s.Signal)
			kill = time.After(max(s.Timeout, 0))
		case <-kill:
			a.signal(pid, "SIGKILL")
		}
	}
}

func (a *agent) signal(pid int, name string) {
	sig, err := signalNamed(name)
	if err == nil {
		err = ignore(syscall.Kill(pid, sig), syscall.ESRCH)
	}
	if err != nil {
		a.warn(fmt.Errorf("signal the service: %w", err))
	}
}

// report tells the host how the service ended and gives it a moment to
// answer. cause, if any, goes first.
func (a *agent) report(e wire.Exited, cause error) {
	a.warn(cause)
	a.journal.add(e)
	if len(a.config.Key) == 0 || !a.config.Network.Address.IsValid() {
		return
	}
	select {
	case <-a.journal.opened:
	case <-time.After(lineTime):
		return
	}
	select {
	case <-a.journal.seen:
	case <-time.After(ackTime):
	}
}

func exitOf(status syscall.WaitStatus) wire.Exited {
	if status.Signaled() {
		sig := status.Signal()
		return wire.Exited{Code: 128 + int(sig), Signal: nameOf(sig)}
	}
	return wire.Exited{Code: status.ExitStatus()}
}

func describe(e wire.Exited) string {
	if e.Signal != "" {
		return e.Signal
	}
	return fmt.Sprintf("exit status %d", e.Code)
}
