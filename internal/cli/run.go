package cli

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/instance"
	"github.com/fakecracker/fakecracker/internal/machine"
	"github.com/fakecracker/fakecracker/internal/network"
	"github.com/fakecracker/fakecracker/internal/partition"
)

// runFlags are the flags of run as they were typed.
type runFlags struct {
	publish     []string
	env         []string
	memory      string
	cpus        int
	name        string
	guest       string
	kernel      string
	machine     string
	boot        string
	layout      string
	append      string
	subnet      string
	accel       string
	stopTimeout time.Duration
	sources     sourceFlags
	dryRun      bool
	quiet       bool
}

func newRun(a *app) *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run [flags] SHIP",
		Short: "Boot a ship as a microVM, and stay with it until it ends",
		Long: `Boot a ship as a microVM, and stay with it until it ends.

SHIP is a folder with a ship.conf or a Dockerfile, a sailor .conf file, a
Dockerfile or SMOLerfile, one program, or the name of an image that was built.
The root disk is built from it once and never written; what the guest writes is
gone when it ends. What is typed goes to the guest's console: Ctrl-C stops the
guest cleanly, Ctrl-A x ends it at once. The exit code is the service's, and 0
after a clean stop.`,
		Example: `  fakecracker run -p 8080:80 --guest linux examples/nginx
  fakecracker run -p 8080:80 examples/static
  fakecracker run -m 64M -e LEVEL=debug --kernel ./netbsd ./server
  fakecracker run --subnet 192.168.2.0/24 -p 8080:80 article.conf
  fakecracker run --dry-run examples/static | sh`,
		GroupID: "vm",
		Args:    exactArgs(1),
		RunE:    f.with(a, (*runner).run),
	}
	f.declare(c)
	return c
}

// with returns what a command does that takes these flags and a ship.
func (f *runFlags) with(a *app, do func(*runner, context.Context) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		r, err := f.parse(a, args[0])
		if err != nil {
			return withCode(exitUsage, err)
		}
		return withCode(exitRun, do(r, c.Context()))
	}
}

func (f *runFlags) declare(c *cobra.Command) {
	fl := c.Flags()
	fl.StringArrayVarP(&f.publish, "publish", "p", nil, "publish a guest's TCP port, `[HOST:][PORT:]PORT`, on 127.0.0.1 unless told otherwise (default: what the ship publishes)")
	fl.StringArrayVarP(&f.env, "env", "e", nil, "set `K=V` in the service's environment")
	fl.StringVarP(&f.memory, "memory", "m", "", "the guest's memory, such as 128M (default: the ship's, else 128M)")
	fl.IntVar(&f.cpus, "cpus", 1, "the guest's processors")
	fl.StringVar(&f.name, "name", "", "the instance's name (default: made up)")
	fl.StringVar(&f.guest, "guest", "", "the guest's system: netbsd[/i386|/amd64] or linux (default: the ship's, else netbsd/i386)")
	fl.StringVar(&f.kernel, "kernel", "", "a kernel `NAME` of 'kernel ls', or a file if there is a / in it (default: one that fits)")
	fl.StringVar(&f.machine, "machine", "", "pc or microvm (default: what the kernel boots on)")
	fl.StringVar(&f.boot, "boot", "", "agent or guest: who is PID 1 (default: guest if the ship has /sbin/init and /etc/rc)")
	fl.StringVar(&f.layout, "disk-layout", "", "bare, disklabel or gpt: how a NetBSD guest's root disk is laid out (default bare)")
	fl.StringVar(&f.append, "append", "", "more `WORDS` for the kernel's command line")
	fl.StringVar(&f.subnet, "subnet", "", "the guest's network, for a ship that sets its own address (default 10.0.2.0/24)")
	fl.StringVar(&f.accel, "accel", "", "tcg, kvm, hvf or nvmm (default: what is proven to work, see doctor)")
	fl.DurationVar(&f.stopTimeout, "stop-timeout", instance.DefaultStopTimeout, "how long the service has to end after Ctrl-C")
	f.sources.declare(c)
	fl.BoolVar(&f.dryRun, "dry-run", false, "print the QEMU command, ready to paste, and start nothing")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "print the guest's console only")
}

// parse checks the flags, before anything is made or read.
func (f *runFlags) parse(a *app, ship string) (*runner, error) {
	r := &runner{app: a, flags: *f, ship: ship, began: time.Now(), console: a.out}
	for _, p := range f.publish {
		pub, err := network.ParsePublish(p)
		if err != nil {
			return nil, err
		}
		r.publish = append(r.publish, pub)
	}
	for _, kv := range f.env {
		if strings.IndexByte(kv, '=') < 1 {
			return nil, fmt.Errorf("-e %q: want NAME=VALUE", kv)
		}
	}
	if f.name != "" {
		if err := instance.CheckName(f.name); err != nil {
			return nil, err
		}
	}
	if f.cpus < 1 || f.cpus > 255 {
		return nil, fmt.Errorf("--cpus %d: want 1 to 255", f.cpus)
	}
	var err error
	if r.memory, err = parseMemory(f.memory); err != nil {
		return nil, err
	}
	if r.guest, err = parseGuest(f.guest); err != nil {
		return nil, err
	}
	if r.subnet, err = parseSubnet(f.subnet); err != nil {
		return nil, err
	}
	return r, f.checkWords()
}

// checkWords checks the flags that take one of a few words.
func (f *runFlags) checkWords() error {
	for _, w := range []struct {
		flag, value string
		words       []string
	}{
		{"--machine", f.machine, []string{machine.TypePC, machine.TypeMicroVM}},
		{"--boot", f.boot, []string{string(instance.BootAgent), string(instance.BootGuest)}},
		{"--disk-layout", f.layout, []string{string(partition.Bare), string(partition.Disklabel), string(partition.GPT)}},
		{"--accel", f.accel, []string{"tcg", "kvm", "hvf", "nvmm"}},
	} {
		if w.value != "" && !slices.Contains(w.words, w.value) {
			return fmt.Errorf("%s %q: want %s", w.flag, w.value, strings.Join(w.words, " or "))
		}
	}
	return nil
}

// parseGuest reads "netbsd", "netbsd/amd64" or "linux". Empty fields mean
// that the user does not mind.
func parseGuest(s string) (image.Guest, error) {
	os, arch, _ := strings.Cut(s, "/")
	known := map[string][]string{"": {""}, machine.NetBSD: {"", "i386", "amd64"}, machine.Linux: {"", "amd64"}}
	archs, ok := known[os]
	if !ok || !slices.Contains(archs, arch) {
		return image.Guest{}, fmt.Errorf("--guest %q: want netbsd, netbsd/i386, netbsd/amd64 or linux", s)
	}
	if os == machine.Linux {
		arch = "amd64"
	}
	return image.Guest{OS: os, Arch: arch}, nil
}

func parseSubnet(s string) (netip.Prefix, error) {
	if s == "" {
		return netip.Prefix{}, nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is4() || p.Bits() > 27 {
		return p, fmt.Errorf("--subnet %q: want an IPv4 range of /27 or more addresses, such as 192.168.2.0/24", s)
	}
	return p.Masked(), nil
}

// run does what the flags say.
func (r *runner) run(ctx context.Context) error {
	if r.flags.dryRun {
		return r.dryRun(ctx)
	}
	return r.retry(ctx, r.boot)
}
