package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/fakecracker/fakecracker/internal/instance"
	"github.com/fakecracker/fakecracker/internal/machine"
	"github.com/fakecracker/fakecracker/internal/network"
)

// errHung says that a guest wrote nothing under an accelerator.
var errHung = errors.New("the guest did not come up under its accelerator")

// watchdog is how long a guest may be silent after its start under an
// accelerator. A kernel writes its first line within a fraction of a second
// there.
const watchdog = 10 * time.Second

// patience is after how long without an answer the user is told what is
// missing: several times what a boot takes under software emulation.
const patience = 15 * time.Second

// exitKilled is the exit code of an instance that was ended by force, as a
// shell has it for SIGKILL.
const exitKilled = 137

// A session is a running instance and its user at the console.
type session struct {
	*runner
	instance *instance.Instance
}

// boot boots the ship and stays with it until it ends. The first interrupt
// ends ctx, and with it the preparations; a running instance is then stopped
// in its own time.
func (r *runner) boot(ctx context.Context) error {
	inst, err := r.start(ctx)
	if err != nil {
		return interrupted(ctx, err)
	}
	s := &session{runner: r, instance: inst}
	return s.attend(context.WithoutCancel(ctx))
}

// start prepares and starts the instance. Its ports are taken before anything
// is built, so that one that is not free is found out at once.
func (r *runner) start(ctx context.Context) (*instance.Instance, error) {
	listeners, err := network.Listen(ctx, r.publish...)
	if err != nil {
		return nil, err
	}
	asked := len(r.publish)
	p, err := r.prepare(ctx)
	if err == nil && len(r.publish) > asked {
		if listeners, err = network.Listen(ctx, r.publish...); err != nil {
			err = fmt.Errorf("%w (%s publishes it by itself, unless there is a -p)", err, p.Options.Image.Name)
		}
	}
	if err != nil {
		for _, l := range listeners {
			err = errors.Join(err, l.Close())
		}
		return nil, err
	}
	out := newConsoleOut(r.console, func(err error) {
		if !errors.Is(err, syscall.EPIPE) {
			r.status.line("console", "%v", err)
		}
		r.app.interrupts.ask(keyStop)
	})
	c := instance.Connection{Listeners: listeners, Console: out, Driver: r.driver()}
	if r.accel.Name != "tcg" {
		c.Watchdog = watchdog
	}
	if m := p.Machine.Memory; p.Options.Image.Guest.OS == machine.Linux && m < leastLinux {
		r.status.line("note", "%s is little for a Linux guest, which may not come up: try -m 96M", formatMemory(m))
	}
	r.status.line("vm", "%-22s %s on %s, %s", p.Options.Name, p.Machine.Type, accelText(r.accel), formatMemory(p.Machine.Memory))
	return p.Start(ctx, c)
}

// attend connects the terminal, tells when the service answers, and waits for
// the end.
func (s *session) attend(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	var owned sync.WaitGroup
	defer owned.Wait()
	defer cancel()
	tty, err := rawTerminal(s.app.in)
	if err != nil {
		s.instance.Kill()
		return err
	}
	s.status.setRaw(tty != nil)
	defer func() { err = errors.Join(err, tty.restore()) }()
	if f, ok := s.app.in.(*os.File); ok {
		owned.Go(func() { s.pass(ctx, f, tty) })
	}
	owned.Go(func() { s.announce(ctx) })
	return s.wait(ctx, tty)
}

// pass passes what is typed, or piped in, to the guest. Keys have a meaning
// on a terminal only.
func (s *session) pass(ctx context.Context, f *os.File, tty *terminal) {
	var guest io.Writer = s.instance.Console()
	if tty != nil {
		ahead := newTypeahead(guest)
		defer ahead.close()
		guest = &consoleKeys{guest: ahead, action: s.app.interrupts.ask}
	} else if isTerminal(f) {
		return // it belongs to another job
	}
	if err := copyInput(ctx, f, guest); err != nil {
		s.status.line("console", "%v", err)
	}
}

// announce tells when the service answers, and where; or, once, what it is
// still waiting for.
func (s *session) announce(ctx context.Context) {
	soon, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := s.instance.Ready(soon)
	if err != nil && errors.Is(soon.Err(), context.DeadlineExceeded) {
		why := strings.TrimSuffix(err.Error(), ": "+context.DeadlineExceeded.Error())
		s.status.line("waiting", "%s", strings.TrimPrefix(why, "wait for "))
		err = s.instance.Ready(ctx)
	}
	if err != nil {
		return // it ended or is being ended, which wait tells about
	}
	select {
	case <-s.app.interrupts.stopped:
		return // too late to be of use
	default:
	}
	s.status.line("boot", "%s", s.instance.Times())
	for n, p := range s.instance.Ports() {
		s.status.line("open", "%-22s (Ctrl-C stops it)", address(p.Addr(), s.publish[n].Guest))
	}
}

// address is a published port as a person opens it.
func address(host netip.AddrPort, guest uint16) string {
	switch guest {
	case 80, 8000, 8080:
		return "http://" + host.String()
	case 443, 8443:
		return "https://" + host.String()
	}
	return host.String()
}

// wait waits for the instance's end, by itself or because the user wants it.
func (s *session) wait(ctx context.Context, tty *terminal) error {
	select {
	case <-s.instance.Done():
	case <-s.app.interrupts.stopped:
		return s.stop(ctx, tty)
	}
	return s.ended(tty)
}

// ended gives the terminal back and judges how the instance ended by itself.
func (s *session) ended(tty *terminal) error {
	if err := tty.restore(); err != nil {
		return err
	}
	s.status.setRaw(false)
	return s.judge(s.instance.Wait())
}

// stop ends the instance as the user wants it, and says by what means.
func (s *session) stop(ctx context.Context, tty *terminal) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var owned sync.WaitGroup
	defer owned.Wait()
	owned.Go(func() {
		select {
		case <-s.app.interrupts.killed:
			cancel()
			s.instance.Kill()
		case <-s.instance.Done():
		}
	})
	s.status.line("stopping", "%s (once more to end it at once)", s.instance.Name())
	begun := time.Now()
	how := s.instance.Stop(ctx)
	if how == instance.Itself {
		return s.ended(tty)
	}
	if err := tty.restore(); err != nil {
		return err
	}
	s.status.setRaw(false)
	s.status.line("stopped", "by %s in %s", how, formatElapsed(time.Since(begun)))
	switch {
	case how == instance.ByKill && s.instance.Times().Ready == 0:
		return errInterrupted // there was no service yet
	case how == instance.ByKill:
		return &exitError{code: exitKilled}
	}
	return nil
}

// judge turns how the instance ended by itself into an exit code.
func (s *session) judge(r instance.Result) error {
	// A guest that was reset before it wrote a byte was failed by its
	// accelerator, as one that hung.
	mute := s.instance.Times().Kernel == 0 && r.Exit < 0
	switch {
	case s.accel.Name != "tcg" && (r.End.Reason == machine.Hung || mute && r.End.Clean()):
		s.flags.name = s.instance.Name()
		return errHung
	case r.Exit > 0:
		return s.exited(r)
	case r.Exit == 0 || r.End.Clean() && !s.instance.HasAgent():
		s.status.line("ended", "%s", endText(r))
		return nil
	case r.End.Clean():
		return fmt.Errorf("%s: it %s before the agent told of its service's end", s.instance.Name(), endText(r))
	default:
		return fmt.Errorf("%s: %s", s.instance.Name(), endText(r))
	}
}

// exited returns the service's own exit code, with the agent's word where the
// service did not even start.
func (s *session) exited(r instance.Result) error {
	if r.Trouble != "" && (r.Exit == exitNotExec || r.Exit == exitNotFound) {
		return &exitError{r.Exit, fmt.Errorf("%s: %s", s.instance.Name(), r.Trouble)}
	}
	s.status.line("ended", "%s", endText(r))
	return &exitError{code: r.Exit}
}

func endText(r instance.Result) string {
	text := r.End.String()
	if r.Exit >= 0 {
		text = fmt.Sprintf("the service exited with code %d", r.Exit)
	}
	if r.Trouble != "" && r.Exit < 0 {
		text += " (" + r.Trouble + ")"
	}
	return text
}

// formatMemory writes a guest's memory as it was asked for: "128 MB".
func formatMemory(n int64) string { return fmt.Sprintf("%d MB", n>>20) }
