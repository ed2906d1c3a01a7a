package instance

import (
	"context"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/machine"
)

// How says by what means an instance was stopped.
type How string

// The means, in the order in which they are tried.
const (
	ByAgent How = "its agent"    // the agent ended the service and the guest
	ByACPI  How = "ACPI"         // the guest obeyed its power button
	ByKill  How = "force"        // QEMU was killed
	Itself  How = "its own will" // it had ended already
)

// acpiLimit is how long a guest gets to obey its power button: those that do
// begin within a second, and say so on their console. Then they get what an
// agent gets.
const acpiLimit = 5 * time.Second

// grace is what the guest may take beyond the service's time to sync its
// disks and end: seconds, under software emulation on a busy host.
const grace = 20 * time.Second

// Stop ends the instance cleanly: by the agent's line, else by ACPI, else it
// kills it. It returns when all of it is gone. When ctx ends it is killed at
// once.
func (i *Instance) Stop(ctx context.Context) How {
	for _, try := range []struct {
		how How
		ask func(context.Context) bool
	}{{ByAgent, i.stopByAgent}, {ByACPI, i.stopByACPI}} {
		if i.ending() {
			if !i.ends(ctx) {
				break
			}
			<-i.done
			return Itself
		}
		if try.ask(ctx) {
			<-i.done
			return try.how
		}
	}
	i.Kill()
	return ByKill
}

// ending reports whether the instance has ended or is about to, without
// having been asked: its service has exited.
func (i *Instance) ending() bool {
	select {
	case <-i.vm.Done():
		return true
	default:
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.line.exited
}

// Kill ends the instance at once.
func (i *Instance) Kill() {
	i.vm.Kill()
	<-i.done
}

// stopByAgent asks the agent, and reports whether the VM ended by it.
func (i *Instance) stopByAgent(ctx context.Context) bool {
	i.mu.Lock()
	line := i.line.line
	i.mu.Unlock()
	if line == nil {
		return false
	}
	limit := i.plan.Options.StopTimeout
	ctx, cancel := context.WithTimeout(ctx, limit+grace)
	defer cancel()
	if err := line.Stop(ctx, stopSignal(i.plan.Options.Image.Config), limit); err != nil {
		i.plan.Options.Logger.Info("ask the agent to stop", "instance", i.Name(), "error", err)
		return false
	}
	if !i.ends(ctx) {
		return false
	}
	<-i.done
	// A VM that was lost meanwhile is not one that the agent has ended.
	return i.Wait().End.Clean()
}

// stopSignal is the signal that the image wants its service to be stopped by,
// "" for SIGTERM. A number is of another system, perhaps: names are not.
func stopSignal(c image.Config) string {
	if !strings.HasPrefix(c.StopSignal, "SIG") {
		return ""
	}
	return c.StopSignal
}

// stopByACPI presses the power button, if the kernel has one.
func (i *Instance) stopByACPI(ctx context.Context) bool {
	m := i.plan.Machine
	if m.Type != machine.TypePC || m.NoACPI {
		return false // microvm's has no effect
	}
	if i.HasAgent() {
		return false // it doesn't watch the button, and what it has not started needs no stop
	}
	if info := i.plan.Options.Kernel.Info; info.OS == machine.NetBSD && !info.ACPI {
		return false
	}
	pressed := time.Now()
	ctx, cancel := context.WithTimeout(ctx, i.plan.Options.StopTimeout+grace)
	defer cancel()
	begin, cancel := context.WithTimeout(ctx, acpiLimit)
	defer cancel()
	if err := i.vm.PowerDown(begin); err != nil {
		i.plan.Options.Logger.Info("press the power button", "instance", i.Name(), "error", err)
		return false
	}
	return i.ends(begin) || i.vm.Times().LastConsole.After(pressed) && i.ends(ctx)
}

// ends waits for the VM's end and reports whether it came.
func (i *Instance) ends(ctx context.Context) bool {
	select {
	case <-i.vm.Done():
		return true
	case <-ctx.Done():
		return false
	}
}
