package instance

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/agent"
	"github.com/fakecracker/fakecracker/internal/agent/wire"
	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/disk"
	"github.com/fakecracker/fakecracker/internal/kernel"
	"github.com/fakecracker/fakecracker/internal/machine"
	"github.com/fakecracker/fakecracker/internal/machine/qemu"
	"github.com/fakecracker/fakecracker/internal/network"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// A Plan is an instance that is decided on and not started.
type Plan struct {
	Options Options // completed
	Machine machine.Machine
	Config  wire.Config // what the guest is told, without its key
	Disk    disk.Disk
	Times   Timeline // what is known so far
}

// The names of an instance's devices.
const (
	rootDrive    = "root"
	configDrive  = "config"
	changesDrive = "changes"
	nicID        = "net0"
)

// mac is every guest's hardware address. Each has a network of its own, and
// clones of a snapshot can't have different ones.
const mac = "52:54:00:12:34:56"

// Prepare decides how o is run, and derives the root disk if it is not in the
// cache.
func Prepare(ctx context.Context, o Options) (*Plan, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	p := &Plan{Options: o, Config: guestConfig(o)}
	if p.Machine, err = describe(o); err != nil {
		return nil, err
	}
	if err := p.addAgent(ctx); err != nil {
		return nil, err
	}
	p.Times.Disk = time.Since(o.Began)
	return p, nil
}

// describe decides on the machine, all but its disk, initramfs and command line.
func describe(o Options) (machine.Machine, error) {
	m := machine.Machine{
		Name:   o.Name,
		OS:     o.Image.Guest.OS,
		Arch:   o.Kernel.Info.Arch,
		Type:   o.Machine,
		Memory: o.Memory,
		CPUs:   o.CPUs,
		Kernel: o.Kernel.Path,
		NICs:   []machine.NIC{{ID: nicID, MAC: mac}},
		Drives: []machine.Drive{
			{ID: rootDrive, Format: "qcow2", Volatile: true},
			{ID: configDrive, Format: "raw", ReadOnly: true},
		},
		RNG:   o.Kernel.Info.OS == machine.Linux || o.Kernel.Info.Has(kernel.VirtioRNG),
		Accel: o.Accel,
	}
	if err := fits(o); err != nil {
		return m, err
	}
	var err error
	if m.Type, err = machineType(o); err != nil {
		return m, fmt.Errorf("kernel %s: %w", o.Kernel.Name(), err)
	}
	m.NoACPI = m.Type == machine.TypeMicroVM && m.OS == machine.NetBSD && !o.Kernel.Info.ACPI
	return m, nil
}

// machineType is the one asked for, else the microvm, which has less to set
// up, where the kernel boots on it.
func machineType(o Options) (string, error) {
	asked, i := o.Machine, o.Kernel.Info
	// QEMU's microvm is "hardware-reduced" by its ACPI tables, so that Linux
	// does not look for the PIT; then only KVM's clock tells it the time.
	blind := i.OS == machine.Linux && o.Accel == "tcg"
	switch {
	case asked == machine.TypeMicroVM && blind:
		return "", errors.New("a Linux kernel finds no clock on a microvm under software emulation: use --machine pc")
	case asked != "":
		return asked, i.CanBoot(asked)
	case !blind && i.CanBoot(machine.TypeMicroVM) == nil:
		return machine.TypeMicroVM, nil
	}
	return machine.TypePC, i.CanBoot(machine.TypePC)
}

// fits checks that the kernel is one of the image's guest.
func fits(o Options) error {
	g, i := o.Image.Guest, o.Kernel.Info
	if g.OS == i.OS && g.Arch == i.Arch {
		return nil
	}
	return fmt.Errorf("kernel %s is %s/%s, and %s is made for %s", o.Kernel.Name(), i.OS, i.Arch, o.Image.Name, g)
}

// commandLine returns the kernel's words: NetBSD/i386 wants its flags before
// all else (boothowto(9)), and the user's words come last otherwise, so that
// they win.
func commandLine(m machine.Machine, root, more string) string {
	if m.OS == machine.Linux {
		// reboot=t: a triple fault ends every machine type. panic=-1: at once.
		// no_timer_check: on a busy host an emulated timer fails that check.
		words := []string{"console=ttyS0", "reboot=t", "panic=-1", "no_timer_check", "quiet"}
		return strings.Join(append(words, strings.Fields(more)...), " ")
	}
	var flags, words []string
	for _, w := range strings.Fields(more) {
		if strings.HasPrefix(w, "-") {
			flags = append(flags, w)
		} else {
			words = append(words, w)
		}
	}
	all := append(flags, "console=com", "root="+root)
	all = append(all, qemu.MMIOWords(m)...)
	return strings.Join(append(all, words...), " ")
}

// guestConfig is what the guest is told by its second disk.
func guestConfig(o Options) wire.Config {
	c := wire.Config{Version: wire.ConfigVersion, Hostname: o.Name, Root: root(o.Image.Guest.OS)}
	if o.Boot == BootGuest {
		c.Init = "/sbin/init"
		return c
	}
	subnet := o.subnet()
	c.Network = wire.Network{
		MAC:     mac,
		Address: netip.PrefixFrom(hostAddr(subnet, 15), subnet.Bits()),
		Gateway: hostAddr(subnet, 2),
		DNS:     []netip.Addr{hostAddr(subnet, 3)},
	}
	if o.Steps != nil {
		c.Network.DNS = nil // there is nothing to be found
		c.Steps = &wire.Steps{}
		if o.Image.Guest.OS == machine.Linux {
			c.Steps.Changes = changesDevice
		}
		return c
	}
	cfg := o.Image.Config
	c.Service = wire.Service{
		Args: cfg.Args(),
		Env:  mergeEnv(cfg.Env, o.Env),
		User: cfg.User,
		Dir:  cfg.WorkDir,
	}
	return c
}

func root(os string) wire.Root {
	if os == machine.Linux {
		return wire.Root{Device: "/dev/vda", FSType: disk.Ext4}
	}
	return wire.Root{FSType: disk.FFS} // what the kernel has mounted, be it a partition or a wedge
}

func (o Options) subnet() netip.Prefix {
	if o.Subnet.IsValid() {
		return o.Subnet.Masked()
	}
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 2, 0}), 24)
}

// hostAddr returns the nth address of an IPv4 subnet of /27 or more.
func hostAddr(p netip.Prefix, n byte) netip.Addr {
	a := p.Addr().As4()
	a[3] += n
	return netip.AddrFrom4(a)
}

// mergeEnv puts the user's K=V over the image's.
func mergeEnv(base, over []string) []string {
	key := func(kv string) string { k, _, _ := strings.Cut(kv, "="); return k }
	merged := slices.Clone(base)
	for _, kv := range over {
		merged = slices.DeleteFunc(merged, func(old string) bool { return key(old) == key(kv) })
		merged = append(merged, kv)
	}
	return merged
}

// newKey makes the key of one instance's line.
func newKey() []byte {
	key := make([]byte, wire.KeySize)
	rand.Read(key) // never fails: crypto/rand ends the program instead
	return key
}

// addAgent derives the root disk and, for Linux, the initramfs.
func (p *Plan) addAgent(ctx context.Context) error {
	o := p.Options
	var extra []tree.Entry
	if o.Image.Guest.OS == machine.Linux || o.Boot == BootAgent {
		g := o.Image.Guest
		program, err := agent.ProgramFor(ctx, g.OS, g.Arch, filepath.Join(o.Home, "cache/agent"))
		if err != nil {
			return err
		}
		if o.Image.Guest.OS == machine.Linux {
			if p.Machine.Initrd, err = linuxInitramfs(o, program); err != nil {
				return err
			}
		} else {
			extra = agentEntries(program, o.Steps != nil)
		}
	}
	var err error
	if p.Disk, err = disk.Derive(ctx, o.Image, o.diskOptions(extra)); err != nil {
		return err
	}
	p.Machine.Drives[0].Backing = p.Disk.Path
	if o.Steps != nil {
		if err := p.ownDisks(); err != nil {
			return err
		}
	}
	p.Machine.Append = commandLine(p.Machine, p.Disk.Root, o.Append)
	return nil
}

// Command returns the QEMU command line that runs the same machine by hand,
// with the published ports on QEMU's own user network. The guest's
// configuration is put into the cache for it, without a key: nobody can open
// the agent's line.
func (p *Plan) Command(publish []network.Publish) ([]string, error) {
	m := p.Machine
	m.Drives = slices.Clone(m.Drives)
	content, err := wire.EncodeConfig(p.Config)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(p.Options.Home, "cache/configs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the guest's configuration: %w", err)
	}
	if err := atomicfile.Sweep(dir, "", unused); err != nil {
		p.Options.Logger.Info("remove old configurations", "error", err)
	}
	sum := sha256.Sum256(content)
	m.Drives[1].Path = filepath.Join(dir, hex.EncodeToString(sum[:])+".raw")
	if err := atomicfile.WriteFile(m.Drives[1].Path, content, 0o600); err != nil {
		return nil, err
	}
	paste := qemu.Paste{Subnet: p.Options.subnet().String()}
	for _, pub := range publish {
		f := qemu.Forward{HostAddr: pub.Host.Addr().String(), HostPort: pub.Host.Port(), GuestPort: pub.Guest}
		if a := p.Config.Network.Address; a.IsValid() {
			f.GuestAddr = a.Addr().String()
		}
		paste.Ports = append(paste.Ports, f)
	}
	return qemu.Command(m, paste)
}
