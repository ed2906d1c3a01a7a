package qemu

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fakecracker/fakecracker/internal/machine"
)

func TestCheck(t *testing.T) {
	drives := func(n int) (d []machine.Drive) {
		for i := range n {
			d = append(d, machine.Drive{ID: fmt.Sprintf("d%d", i), Format: "raw"})
		}
		return d
	}
	tests := []struct {
		name   string
		change func(*machine.Machine)
		want   string // "": accepted
	}{
		{"as it is", func(*machine.Machine) {}, ""},
		{"processor", func(m *machine.Machine) { m.Arch = "vax" }, `"vax"`},
		{"type", func(m *machine.Machine) { m.Type = "q35" }, `"q35"`},
		{"accelerator", func(m *machine.Machine) { m.Accel = "" }, `accelerator ""`},
		{"no memory", func(m *machine.Machine) { m.Memory = 0 }, "memory"},
		{"half a page", func(m *machine.Machine) { m.Memory += 2048 }, "whole pages"},
		{"no processor", func(m *machine.Machine) { m.CPUs = 0 }, "0 processors"},
		{"device name", func(m *machine.Machine) { m.Drives[0].ID = "a,b" }, `"a,b"`},
		{"no device name", func(m *machine.Machine) { m.Drives[0].ID = "" }, `device name ""`},
		{"a digit first", func(m *machine.Machine) { m.Drives[0].ID = "1a" }, `"1a"`},
		{"longest device name", func(m *machine.Machine) { m.Drives[0].ID = "Za-" + strings.Repeat("9", 17) }, ""},
		{"long device name", func(m *machine.Machine) { m.Drives[0].ID = strings.Repeat("a", 21) }, "20 at most"},
		{"two of a name", func(m *machine.Machine) { m.NICs[0].ID = "root" }, `two devices are named "root"`},
		{"format", func(m *machine.Machine) { m.Drives[1].Format = "vmdk" }, `"vmdk"`},
		{"MAC", func(m *machine.Machine) { m.NICs[0].MAC = "none" }, "net0"},
		{"13 drives", func(m *machine.Machine) { m.Drives = drives(13) }, ""},
		{"14 drives", func(m *machine.Machine) { m.Drives = drives(14) }, "room for 13"},
		{"22 devices on a microvm", func(m *machine.Machine) { m.Type, m.Drives = machine.TypeMicroVM, drives(22) }, ""},
		{"25 devices on a microvm", func(m *machine.Machine) { m.Type, m.Drives = machine.TypeMicroVM, drives(23) }, "room for 24"},
		{"9 without ACPI", func(m *machine.Machine) { m.Type, m.NoACPI, m.Drives = machine.TypeMicroVM, true, drives(7) }, "room for 8"},
		// The kernel's base name, "kernel", and a space stand before it.
		{"line of 255", func(m *machine.Machine) { m.Append = strings.Repeat("x", 255-7) }, ""},
		{"line of 256", func(m *machine.Machine) { m.Append = strings.Repeat("x", 256-7) }, "256 bytes long, and it holds 255"},
		{"amd64's line of 255", func(m *machine.Machine) { m.Arch, m.Append = "amd64", strings.Repeat("x", 255) }, ""},
		{"amd64's line of 256", func(m *machine.Machine) { m.Arch, m.Append = "amd64", strings.Repeat("x", 256) }, "256 bytes long"},
		{"Linux's line of 2047", func(m *machine.Machine) { m.OS, m.Append = machine.Linux, strings.Repeat("x", 2047) }, ""},
		{"Linux's line of 2048", func(m *machine.Machine) { m.OS, m.Append = machine.Linux, strings.Repeat("x", 2048) }, "holds 2047"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := sample(t, machine.NetBSD, "i386", machine.TypePC)
			tt.change(&m)
			err := check(m)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("error: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v; want %q", err, tt.want)
			}
		})
	}
}

// In a pasted command the kernel's whole path counts.
func TestCommandLongLine(t *testing.T) {
	m := sample(t, machine.NetBSD, "i386", machine.TypePC)
	m.Append = strings.Repeat("x", 255-len(" ")-len(m.Kernel))
	if _, err := Command(m, Paste{}); err != nil {
		t.Errorf("a line of 255 bytes: %v", err)
	}
	m.Append += "x"
	if _, err := Command(m, Paste{}); err == nil || !strings.Contains(err.Error(), "256 bytes long") {
		t.Errorf("a line of 256 bytes with %s: error %v", filepath.Base(m.Kernel), err)
	}
}
