package qemu

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/fakecracker/fakecracker/internal/machine"
)

// PCI slots on bus 0 of the pc. They are part of what a snapshot depends on,
// so they stay; 0 is the host bridge and 1 the PIIX3.
const (
	firstDrive = 0x03
	firstNIC   = 0x10
	rngSlot    = 0x1c
)

// fds are the numbers that descriptors have in QEMU.
type fds struct {
	qmp, console int
	memory       int            // 0: QEMU gets the memory itself
	nics         map[string]int // by NIC ID
	drives       map[string]driveFDs
}

type driveFDs struct {
	layer, backing int
}

// A part gives QEMU's options for one part of a machine.
type part func() []string

// backends are the parts of a command line that connect a machine with its
// host. All others are the same wherever the machine runs.
type backends struct {
	memory  part
	kernel  string // as QEMU finds it
	host    part   // monitor, console, sandbox
	drive   func(machine.Drive) []string
	network func(machine.NIC) []string
}

// args returns QEMU's arguments for m with everything by descriptors.
func args(m machine.Machine, f fds) []string {
	return arguments(m, backends{
		memory:  func() []string { return memoryArgs(m, f) },
		kernel:  filepath.Base(m.Kernel),
		host:    func() []string { return hostArgs(f) },
		drive:   func(d machine.Drive) []string { return blockArgs(d, f.drives[d.ID]) },
		network: func(n machine.NIC) []string { return streamArgs(n, f.nics) },
	})
}

func arguments(m machine.Machine, b backends) []string {
	a := []string{"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"}
	if m.Name != "" {
		a = append(a, "-name", escape(m.Name))
	}
	a = append(a, b.host()...)
	a = append(a, "-M", board(m), "-accel", m.Accel, "-cpu", cpu(m.Arch))
	if m.Type == machine.TypeMicroVM {
		// The transport of virtio 1.0, which smolBSD's kernels expect.
		a = append(a, "-global", "virtio-mmio.force-legacy=false")
	}
	// One socket each: without ACPI, NetBSD finds processors in the MP table,
	// which lists sockets.
	a = append(a, "-smp", fmt.Sprintf("cpus=%d,sockets=%d,cores=1,threads=1", m.CPUs, m.CPUs))
	a = append(a, "-m", "size="+size(m.Memory))
	a = append(a, b.memory()...)
	a = append(a, "-kernel", b.kernel)
	if m.Initrd != "" {
		a = append(a, "-initrd", m.Initrd)
	}
	if m.Append != "" {
		a = append(a, "-append", m.Append)
	}
	return append(a, devices(m, b)...)
}

// pcVersion is the pc of the first QEMU that has -netdev stream; all later ones
// still know it.
const pcVersion = "pc-i440fx-7.2"

// board returns -M's value. microvm has no versions.
// Without SMM, HPET, vmport, the keyboard controller, or with a strict boot
// order, a kernel's first byte came no sooner (75 ms after exec under TCG), so
// the board is left as it is.
func board(m machine.Machine) string {
	if m.Type == machine.TypeMicroVM {
		if m.NoACPI {
			return "microvm,rtc=on,acpi=off,pic=off,memory-backend=m0"
		}
		return "microvm,rtc=on,memory-backend=m0"
	}
	if m.NoACPI {
		return pcVersion + ",acpi=off,memory-backend=m0"
	}
	return pcVersion + ",memory-backend=m0"
}

// cpu returns -cpu's value: fixed models, which all hosts with an accelerator
// can give, and with what makes Go's runtime, cryptography and the kernels'
// first random numbers fast. svm is in qemu64 but only under TCG.
func cpu(arch string) string {
	const more = ",+ssse3,+sse4.1,+sse4.2,+popcnt,+aes,+pclmulqdq,+rdrand"
	if arch == "i386" {
		return "qemu32" + more
	}
	return "qemu64,-svm" + more
}

// devices returns the virtio devices, disks first, in the order in which the
// guest is to number them.
func devices(m machine.Machine, b backends) []string {
	var a []string
	slots := slotter(m)
	for i, d := range m.Drives {
		a = append(a, b.drive(d)...)
		a = append(a, "-device", slots.device("blk", firstDrive+i)+",id="+d.ID+"-dev,drive="+d.ID)
	}
	for i, n := range m.NICs {
		a = append(a, b.network(n)...)
		dev := slots.device("net", firstNIC+i) + ",id=" + n.ID + "-dev,netdev=" + n.ID + ",mac=" + n.MAC
		// 1024 receive buffers carry a third more than the default 256.
		a = append(a, "-device", dev+",rx_queue_size=1024")
	}
	if m.RNG {
		a = append(a, "-object", "rng-builtin,id=rng", "-device", slots.device("rng", rngSlot)+",id=rng-dev,rng=rng")
	}
	return a
}

func memoryArgs(m machine.Machine, f fds) []string {
	if f.memory == 0 {
		return []string{"-object", "memory-backend-ram,id=m0,size=" + size(m.Memory)}
	}
	return []string{"-object", fmt.Sprintf("memory-backend-file,id=m0,size=%s,mem-path=/proc/self/fd/%d,share=on", size(m.Memory), f.memory)}
}

// hostArgs begin with -S: the guest waits until we listen to its events.
func hostArgs(f fds) []string {
	a := []string{
		"-S",
		"-chardev", fmt.Sprintf("socket,id=qmp,fd=%d", f.qmp), "-mon", "chardev=qmp,mode=control",
		"-chardev", fmt.Sprintf("socket,id=con0,fd=%d", f.console), "-serial", "chardev:con0",
	}
	if runtime.GOOS == "linux" {
		a = append(a, "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny")
	}
	return a
}

// streamArgs connects a NIC with an inherited socket, or with nothing.
func streamArgs(n machine.NIC, nics map[string]int) []string {
	fd, ok := nics[n.ID]
	if !ok {
		return []string{"-netdev", "hubport,hubid=0,id=" + n.ID}
	}
	return []string{"-netdev", fmt.Sprintf("stream,id=%s,server=off,addr.type=fd,addr.str=%d", n.ID, fd)}
}

// blockArgs describes a drive as block nodes over fd sets, whose numbers are
// those of the descriptors. The node the device uses has the drive's ID.
func blockArgs(d machine.Drive, f driveFDs) []string {
	cache := ""
	if d.Volatile {
		cache = ",cache.no-flush=on"
	}
	readOnly := ",read-only=" + onOff(d.ReadOnly)
	a := fdNode(f.layer, d.ID+"-file", readOnly+cache)
	node := fmt.Sprintf("driver=%s,node-name=%s,file=%s-file", d.Format, d.ID, d.ID) + readOnly + cache
	if f.backing == 0 {
		return append(a, "-blockdev", node+",discard=unmap")
	}
	a = append(a, fdNode(f.backing, d.ID+"-base-file", ",read-only=on")...)
	a = append(a, "-blockdev", fmt.Sprintf("driver=raw,node-name=%s-base,file=%s-base-file,read-only=on", d.ID, d.ID))
	return append(a, "-blockdev", node+",backing="+d.ID+"-base,discard=unmap")
}

func fdNode(fd int, name, more string) []string {
	return []string{
		"-add-fd", fmt.Sprintf("fd=%d,set=%d", fd, fd),
		"-blockdev", fmt.Sprintf("driver=file,filename=/dev/fdset/%d,node-name=%s", fd, name) + more,
	}
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

// size gives bytes with QEMU's suffix for them, since -m alone means MiB.
func size(bytes int64) string { return strconv.FormatInt(bytes, 10) + "B" }

// escape doubles the commas in a value, which otherwise end it.
func escape(s string) string { return strings.ReplaceAll(s, ",", ",,") }
