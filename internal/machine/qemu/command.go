package qemu

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/fakecracker/fakecracker/internal/machine"
)

// Paste is what a command line for people needs beside the machine.
type Paste struct {
	Program string    // QEMU's; by the processor when empty
	Subnet  string    // of QEMU's user network, "10.0.2.0/24" when empty
	Ports   []Forward // published by the first NIC
}

// A Forward is a TCP port of the host that leads to the guest.
type Forward struct {
	HostAddr  string // "127.0.0.1"; empty: all addresses
	HostPort  uint16
	GuestAddr string // "10.0.2.15"; empty: the user network's first lease
	GuestPort uint16
}

// Command returns a command line that runs the same machine by hand: the same
// board, processor and devices, with paths in the place of descriptors,
// QEMU's own user network, and the console on the terminal (Ctrl-A x ends
// it). The drives' files are not written: changes go to a temporary file.
func Command(m machine.Machine, p Paste) ([]string, error) {
	kernel, err := filepath.Abs(m.Kernel)
	if err != nil {
		return nil, fmt.Errorf("command for machine %s: %w", m.Name, err)
	}
	if err := check(m); err != nil {
		return nil, fmt.Errorf("command for machine %s: %w", m.Name, err)
	}
	if err := checkKernel(m, kernel); err != nil {
		return nil, fmt.Errorf("command for machine %s: %w", m.Name, err)
	}
	for _, f := range p.Ports {
		if strings.Contains(f.HostAddr, ":") {
			return nil, fmt.Errorf("command for machine %s: QEMU's user network can't publish on the IPv6 address %s: give an IPv4 address", m.Name, f.HostAddr)
		}
	}
	program := p.Program
	if program == "" {
		program = map[string]string{"i386": "qemu-system-i386", "amd64": "qemu-system-x86_64"}[m.Arch]
	}
	first := true
	return append([]string{program}, arguments(m, backends{
		memory: func() []string { return memoryArgs(m, fds{}) },
		kernel: kernel,
		host:   func() []string { return []string{"-serial", "mon:stdio"} },
		drive:  driveArgs,
		network: func(n machine.NIC) []string {
			a := p.userArgs(n, first)
			first = false
			return a
		},
	})...), nil
}

// driveArgs opens what a drive shows by its path: for a layer that is what it
// stands on, since the layer is made anew for each VM.
func driveArgs(d machine.Drive) []string {
	path, format := d.Path, d.Format
	if d.Backing != "" {
		path, format = d.Backing, "raw"
	}
	keep := "snapshot=on"
	if d.ReadOnly {
		keep = "readonly=on"
	}
	return []string{"-drive", fmt.Sprintf("if=none,id=%s,file=%s,format=%s,%s", d.ID, escape(path), format, keep)}
}

func (p Paste) userArgs(n machine.NIC, first bool) []string {
	subnet := p.Subnet
	if subnet == "" {
		subnet = "10.0.2.0/24"
	}
	a := "user,id=" + n.ID + ",net=" + subnet
	if first {
		for _, f := range p.Ports {
			a += fmt.Sprintf(",hostfwd=tcp:%s:%d-%s:%d", f.HostAddr, f.HostPort, f.GuestAddr, f.GuestPort)
		}
	}
	return []string{"-netdev", a}
}

// Quote joins a command's words into one line that a POSIX shell takes apart
// into the same words.
func Quote(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quoteWord(w)
	}
	return strings.Join(quoted, " ")
}

// quoteWord puts a word into quotes if it holds anything that some shell could
// take for more than itself.
func quoteWord(w string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:,=@%+", r)
	}
	if w != "" && strings.IndexFunc(w, func(r rune) bool { return !plain(r) }) < 0 {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}
