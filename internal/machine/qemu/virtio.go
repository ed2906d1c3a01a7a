package qemu

import (
	"fmt"

	"github.com/fakecracker/fakecracker/internal/machine"
)

// microvm's virtio-mmio windows, 512 bytes each (hw/i386/microvm.c). With ACPI
// there is a second I/O APIC, and with it more windows at other interrupts.
const (
	mmioBase     = 0xfeb00000
	mmioSize     = 0x200
	mmioFirstIRQ = 24 // with ACPI
)

// mmioSlots returns how many virtio devices a microvm has room for.
func mmioSlots(m machine.Machine) int {
	if m.NoACPI {
		return 8
	}
	return 24
}

// transports names m's virtio devices in their order.
func transports(m machine.Machine) []string {
	var ids []string
	for _, d := range m.Drives {
		ids = append(ids, d.ID)
	}
	for _, n := range m.NICs {
		ids = append(ids, n.ID)
	}
	if m.RNG {
		ids = append(ids, "rng")
	}
	return ids
}

// MMIOWords returns the words that tell a kernel on a microvm with ACPI where
// its virtio devices are, for a kernel that doesn't read that from the ACPI
// tables: NetBSD, where QEMU adds these words only without ACPI. The devices
// fill the windows from the top down.
func MMIOWords(m machine.Machine) []string {
	if m.Type != machine.TypeMicroVM || m.NoACPI {
		return nil
	}
	var words []string
	for i := range transports(m) {
		slot := mmioSlots(m) - 1 - i
		words = append(words, fmt.Sprintf("virtio_mmio.device=%d@%#x:%d", mmioSize, mmioBase+slot*mmioSize, mmioFirstIRQ+slot))
	}
	return words
}

// slots gives virtio devices their places.
type slots struct {
	microvm bool
	next    int // the microvm's next bus, counting down
}

func slotter(m machine.Machine) *slots {
	return &slots{microvm: m.Type == machine.TypeMicroVM, next: mmioSlots(m) - 1}
}

// device returns the beginning of -device's value for a virtio device of the
// given kind: its type and its place. pci is its slot on a pc.
func (s *slots) device(kind string, pci int) string {
	if s.microvm {
		bus := s.next
		s.next--
		return fmt.Sprintf("virtio-%s-device,bus=virtio-mmio-bus.%d", kind, bus)
	}
	dev := fmt.Sprintf("virtio-%s-pci,bus=pci.0,addr=%#x", kind, pci)
	if kind == "net" {
		dev += ",romfile=" // nothing boots from the network, and loading the ROM takes time
	}
	return dev
}
