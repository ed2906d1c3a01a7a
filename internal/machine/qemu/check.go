package qemu

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/fakecracker/fakecracker/internal/machine"
)

// How many bytes a kernel keeps of its command line, without the NUL.
const (
	netbsdLine = 255  // bi_bootpath and MULTIBOOT's copy, sys/arch/x86
	linuxLine  = 2047 // COMMAND_LINE_SIZE, arch/x86/include/asm/setup.h
)

// longestID is how long a device's name may be: "-dev" and the like are added,
// and block nodes have names of up to 31 bytes.
const longestID = 20

// validID says whether id is letters, digits and '-', a letter first.
func validID(id string) bool {
	for i, b := range []byte(id) {
		letter := b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
		if !letter && (i == 0 || b != '-' && (b < '0' || b > '9')) {
			return false
		}
	}
	return id != "" && len(id) <= longestID
}

// check refuses what QEMU would refuse less clearly, and what it would accept
// for something else than was meant.
func check(m machine.Machine) error {
	if err := checkBoard(m); err != nil {
		return err
	}
	if err := checkKernel(m, filepath.Base(m.Kernel)); err != nil {
		return err
	}
	return checkDevices(m)
}

func checkBoard(m machine.Machine) error {
	switch {
	case m.Arch != "i386" && m.Arch != "amd64":
		return fmt.Errorf("processor %q is not known: i386 or amd64", m.Arch)
	case m.Type != machine.TypePC && m.Type != machine.TypeMicroVM:
		return fmt.Errorf("machine type %q is not known: pc or microvm", m.Type)
	case !slices.Contains([]string{"tcg", "kvm", "hvf", "nvmm"}, m.Accel):
		return fmt.Errorf("accelerator %q is not known: tcg, kvm, hvf or nvmm", m.Accel)
	case m.Memory < 1<<20 || m.Memory%4096 != 0:
		return fmt.Errorf("%d bytes of memory: 1 MiB or more, in whole pages of 4096, are needed", m.Memory)
	case m.CPUs < 1:
		return fmt.Errorf("%d processors: 1 or more are needed", m.CPUs)
	}
	return nil
}

// checkKernel looks whether the kernel is there and its command line short
// enough. QEMU puts the kernel's path, as we give it, before a MULTIBOOT
// kernel's line, which is how i386 kernels of NetBSD boot.
func checkKernel(m machine.Machine, path string) error {
	if err := regular(m.Kernel); err != nil {
		return fmt.Errorf("load kernel: %w", err)
	}
	if m.Initrd != "" {
		if err := regular(m.Initrd); err != nil {
			return fmt.Errorf("load initramfs: %w", err)
		}
	}
	length, limit := len(m.Append), linuxLine
	if m.OS == machine.NetBSD {
		limit = netbsdLine
	}
	if m.OS == machine.NetBSD && m.Arch == "i386" {
		length += len(path) + len(" ")
	}
	if length > limit {
		return fmt.Errorf("the kernel's command line is %d bytes long, and it holds %d", length, limit)
	}
	return nil
}

func regular(path string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", path)
	}
	return nil
}

func checkDevices(m machine.Machine) error {
	seen := map[string]bool{}
	fresh := func(id string) error {
		if !validID(id) {
			return fmt.Errorf("device name %q: letters, digits and '-' only, a letter first, and %d at most", id, longestID)
		}
		if seen[id] {
			return fmt.Errorf("two devices are named %q", id)
		}
		seen[id] = true
		return nil
	}
	for _, d := range m.Drives {
		if err := fresh(d.ID); err != nil {
			return err
		}
		if d.Format != "raw" && d.Format != "qcow2" {
			return fmt.Errorf("drive %s: format %q is not known: raw or qcow2", d.ID, d.Format)
		}
	}
	for _, n := range m.NICs {
		if err := fresh(n.ID); err != nil {
			return err
		}
		if _, err := net.ParseMAC(n.MAC); err != nil {
			return fmt.Errorf("network interface %s: %w", n.ID, err)
		}
	}
	return checkRoom(m)
}

// checkRoom counts the places for devices.
func checkRoom(m machine.Machine) error {
	if m.Type == machine.TypeMicroVM {
		if n, most := len(transports(m)), mmioSlots(m); n > most {
			return fmt.Errorf("%d virtio devices: this microvm has room for %d", n, most)
		}
		return nil
	}
	if most := firstNIC - firstDrive; len(m.Drives) > most {
		return fmt.Errorf("%d drives: this pc has room for %d", len(m.Drives), most)
	}
	if most := rngSlot - firstNIC; len(m.NICs) > most {
		return fmt.Errorf("%d network interfaces: this pc has room for %d", len(m.NICs), most)
	}
	return nil
}
