package qemu

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/machine"
)

var update = flag.Bool("update", false, "write the golden files")

// sample returns a machine with every kind of device. Its kernel exists.
func sample(t *testing.T, os, arch, typ string) machine.Machine {
	t.Helper()
	m := machine.Machine{
		Name: "web, the 1st", OS: os, Arch: arch, Type: typ, Memory: 128 << 20, CPUs: 2,
		Kernel: kernelFile(t), Append: "root=ld0a -z", RNG: true, Accel: "tcg",
		Drives: []machine.Drive{
			{ID: "root", Path: "/layers/a,b", Format: "qcow2", Backing: "/images/root", Volatile: true},
			{ID: "config", Path: "/run/config", Format: "raw", ReadOnly: true},
		},
		NICs: []machine.NIC{{ID: "net0", MAC: "52:54:00:12:34:56"}},
	}
	return m
}

func kernelFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kernel")
	if err := os.WriteFile(path, []byte("kernel"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var sampleFDs = fds{
	qmp: 3, console: 4, memory: 5,
	nics:   map[string]int{"net0": 6},
	drives: map[string]driveFDs{"root": {layer: 7, backing: 8}, "config": {layer: 9}},
}

// golden compares got, one word a line, with a file in testdata.
func golden(t *testing.T, name string, words []string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	got := strings.Join(words, "\n") + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestArgs(t *testing.T) {
	for _, g := range []struct{ name, os, arch, typ string }{
		{"netbsd-i386-pc", machine.NetBSD, "i386", machine.TypePC},
		{"netbsd-amd64-pc", machine.NetBSD, "amd64", machine.TypePC},
		{"netbsd-amd64-microvm", machine.NetBSD, "amd64", machine.TypeMicroVM},
		{"linux-amd64-microvm", machine.Linux, "amd64", machine.TypeMicroVM},
	} {
		t.Run(g.name, func(t *testing.T) {
			golden(t, "args-"+g.name, args(sample(t, g.os, g.arch, g.typ), sampleFDs))
		})
	}
}

// What differs under an accelerator is -accel and, if it must, -cpu.
func TestArgsAccelerator(t *testing.T) {
	for _, typ := range []string{machine.TypePC, machine.TypeMicroVM} {
		m := sample(t, machine.NetBSD, "amd64", typ)
		tcg := args(m, sampleFDs)
		m.Accel = "kvm"
		kvm := args(m, sampleFDs)
		if len(kvm) != len(tcg) {
			t.Fatalf("%s: %d words under kvm, %d under tcg", typ, len(kvm), len(tcg))
		}
		for i := range kvm {
			if kvm[i] != tcg[i] && tcg[i-1] != "-accel" && tcg[i-1] != "-cpu" {
				t.Errorf("%s: %s is %q under kvm and %q under tcg", typ, tcg[i-1], kvm[i], tcg[i])
			}
		}
	}
}

func TestArgsWithoutACPI(t *testing.T) {
	m := sample(t, machine.NetBSD, "amd64", machine.TypeMicroVM)
	m.NoACPI = true
	m.Drives, m.NICs = m.Drives[:1], nil
	golden(t, "args-smolbsd", args(m, sampleFDs))
}

func TestCommand(t *testing.T) {
	m := sample(t, machine.NetBSD, "i386", machine.TypePC)
	got, err := Command(m, Paste{Ports: []Forward{{HostAddr: "127.0.0.1", HostPort: 8080, GuestPort: 80}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range got {
		got[i] = strings.ReplaceAll(w, filepath.Dir(m.Kernel), "/kernels")
	}
	golden(t, "command-netbsd-i386-pc", got)
}

func TestCommandIPv6(t *testing.T) {
	m := sample(t, machine.NetBSD, "i386", machine.TypePC)
	_, err := Command(m, Paste{Ports: []Forward{{HostAddr: "::1", HostPort: 8081, GuestPort: 80}}})
	if err == nil || !strings.Contains(err.Error(), "IPv6 address ::1") {
		t.Errorf("error %v; want that QEMU can't publish on ::1", err)
	}
}

// A pasted command runs, through a shell, and ends with its guest.
func TestCommandRuns(t *testing.T) {
	m := testMachine(t, "hello\r\n", powerOff)
	m.Name = "it's a test, isn't it"
	m.RNG = true
	m.NICs = []machine.NIC{{ID: "net0", MAC: "52:54:00:12:34:56"}}
	m.Drives = []machine.Drive{
		{ID: "root", Format: "qcow2", Path: "/made/anew", Backing: emptyDisk(t, 1<<20)},
		{ID: "config", Format: "raw", Path: emptyDisk(t, 1<<20), ReadOnly: true},
	}
	words, err := Command(m, Paste{Subnet: "192.168.2.0/24"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "sh", "-c", "exec "+Quote(words)).CombinedOutput()
	if err != nil || string(out) != "hello\r\n" {
		t.Errorf("%s:\n%v: %q; want hello", Quote(words), err, out)
	}
}

// The devices, board and processor of a pasted command are those of a machine
// that we start.
func TestCommandSameMachine(t *testing.T) {
	m := sample(t, machine.Linux, "amd64", machine.TypePC)
	ours := map[string]bool{}
	for _, w := range args(m, sampleFDs) {
		ours[w] = true
	}
	command, err := Command(m, Paste{})
	if err != nil {
		t.Fatal(err)
	}
	host := map[string]bool{"-object": true, "-kernel": true, "-serial": true, "-drive": true, "-netdev": true}
	for i, w := range command[1:] {
		if !ours[w] && !host[w] && !host[command[i]] {
			t.Errorf("%s %s is in the command alone", command[i], w)
		}
	}
}

func TestMMIOWords(t *testing.T) {
	m := sample(t, machine.NetBSD, "amd64", machine.TypeMicroVM)
	want := []string{
		"virtio_mmio.device=512@0xfeb02e00:47", "virtio_mmio.device=512@0xfeb02c00:46",
		"virtio_mmio.device=512@0xfeb02a00:45", "virtio_mmio.device=512@0xfeb02800:44",
	}
	if diff := cmp.Diff(want, MMIOWords(m)); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
	m.Type = machine.TypePC
	if got := MMIOWords(m); got != nil {
		t.Errorf("words on a pc: %q; want none", got)
	}
}

func TestQuote(t *testing.T) {
	words := []string{"plain", "", "two words", "it's", "$HOME `id`", "a\nb", "~", "*", "x=y,z", "\\"}
	out, err := exec.Command("sh", "-c", `printf '%s\0' `+Quote(words)).Output()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Join(words, "\x00")+"\x00", string(out)); diff != "" {
		t.Errorf("words after the shell (-want +got):\n%s", diff)
	}
}
