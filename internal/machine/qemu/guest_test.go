package qemu

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/fakecracker/fakecracker/internal/machine"
)

// A guest for tests: a MULTIBOOT kernel of a few instructions, so that a
// machine "boots" in the time that the firmware needs.
//
// It is loaded at 1 MiB by the header's own addresses (Multiboot
// Specification 0.6.96, 3.1) and entered in 32-bit protected mode.
const guestBase = 0x100000

// What a guest does after it has written its text.
var (
	// cli; 1: hlt; jmp 1b
	halt = []byte{0xfa, 0xf4, 0xeb, 0xfd}
	// mov al, 0xfe; out 0x64, al: the keyboard controller's reset line
	reset = append([]byte{0xb0, 0xfe, 0xe6, 0x64}, halt...)
	// mov dx, 0x604; mov ax, 0x2000; out dx, ax: PM1a_CNT of the PIIX4,
	// SLP_EN with the type for S5 (ACPI specification, 4.8.3.2.1)
	powerOff = append([]byte{0x66, 0xba, 0x04, 0x06, 0x66, 0xb8, 0x00, 0x20, 0x66, 0xef}, halt...)
	// Sends back what it receives:
	// 1: mov dx, 0x3fd; in al, dx; test al, 1; jz 1b; mov dx, 0x3f8; in al, dx; out dx, al; jmp 1b
	echo = []byte{
		0x66, 0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xf7,
		0x66, 0xba, 0xf8, 0x03, 0xec, 0xee, 0xeb, 0xef,
	}
)

// guestKernel returns a kernel that writes text to COM1 and then runs then.
func guestKernel(text string, then []byte) []byte {
	const header, loop = 32, 27
	start := uint32(guestBase + header)
	code := []byte{0xbe} // mov esi, text
	code = binary.LittleEndian.AppendUint32(code, start+10+loop+uint32(len(then)))
	code = append(code, 0xb9) // mov ecx, length
	code = binary.LittleEndian.AppendUint32(code, uint32(len(text)))
	code = append(code,
		0xe3, 0x19, // jecxz done
		0x66, 0xba, 0xfd, 0x03, // next: mov dx, 0x3fd (line status)
		0xec,       // wait: in al, dx
		0xa8, 0x20, // test al, 0x20 (may send)
		0x74, 0xfb, // jz wait
		0x66, 0xba, 0xf8, 0x03, // mov dx, 0x3f8
		0xac,       // lodsb
		0xee,       // out dx, al
		0x49,       // dec ecx
		0x75, 0xee, // jnz next
		0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, // done:
	)
	code = append(append(code, then...), text...)
	const magic, flags = 0x1badb002, 1 << 16
	end := start + uint32(len(code))
	var k []byte
	for _, v := range []uint32{magic, flags, -(magic + flags) & 0xffffffff, guestBase, guestBase, end, end, start} {
		k = binary.LittleEndian.AppendUint32(k, v)
	}
	return append(k, code...)
}

// testMachine returns a machine whose kernel writes text and then runs then.
// It skips the test where there is no QEMU.
func testMachine(t *testing.T, text string, then []byte) machine.Machine {
	t.Helper()
	if _, err := exec.LookPath("qemu-system-i386"); err != nil {
		t.Skip("qemu-system-i386 is not installed")
	}
	path := filepath.Join(t.TempDir(), "kernel")
	if err := os.WriteFile(path, guestKernel(text, then), 0o600); err != nil {
		t.Fatal(err)
	}
	return machine.Machine{
		Name: "test", OS: machine.NetBSD, Arch: "i386", Type: machine.TypePC,
		Memory: 16 << 20, CPUs: 1, Kernel: path, Accel: "tcg",
	}
}
