package qemu

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// qemu64 returns the 64-bit QEMU, or skips the test.
func qemu64(t *testing.T) string {
	t.Helper()
	p, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		t.Skip("qemu-system-x86_64 is not installed")
	}
	return p
}

func proberFile(t *testing.T, rom []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "prober")
	if err := os.WriteFile(path, rom, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestProber(t *testing.T) {
	for _, arch := range []string{"amd64", "i386"} {
		t.Run(arch, func(t *testing.T) {
			program, err := new(Driver).program(arch)
			if err != nil {
				t.Skip(err)
			}
			if err := runProber(t.Context(), program, arch, tcg, proberFile(t, prober(arch)), time.Minute); err != nil {
				t.Errorf("the prober under tcg: %v", err)
			}
		})
	}
}

// A guest that stops on its way, or that faults, is not taken for one that
// passed.
func TestProberFails(t *testing.T) {
	program := qemu64(t)
	faulty := func(arch string, at int, code ...byte) string {
		rom := prober(arch)
		copy(rom[at:], code)
		return proberFile(t, rom)
	}
	tests := []struct {
		name, arch, rom, want string
		limit                 time.Duration
	}{
		{"no timer", "amd64", faulty("amd64", atTick, 0xf4, 0xeb, 0xfd), "not done within", 2 * time.Second},
		{"endless loop", "amd64", faulty("amd64", atCopy, 0xeb, 0xfe), "not done within", time.Second},
		{"fault", "amd64", faulty("amd64", atWork, 0x0f, 0x0b), "fell over", time.Minute},
		{"no long mode", "amd64", faulty("amd64", atGDT+24, make([]byte, 8)...), "fell over", time.Minute},
		{"no timer on i386", "i386", faulty("i386", atTick, 0xf4, 0xeb, 0xfd), "not done within", 2 * time.Second},
		{"fault on i386", "i386", faulty("i386", atWork, 0x0f, 0x0b), "fell over", time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := runProber(t.Context(), program, tt.arch, tcg, tt.rom, tt.limit)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want %q", err, tt.want)
			}
		})
	}
}

func TestProberUnknownAccelerator(t *testing.T) {
	err := runProber(t.Context(), qemu64(t), "amd64", "abacus", proberFile(t, prober("amd64")), time.Minute)
	if err == nil || !strings.Contains(err.Error(), "abacus") {
		t.Errorf("error %v; want QEMU's own words on abacus", err)
	}
}

// Whatever this host has, the answer comes, is kept, and holds until the
// host's next boot, another QEMU, or RememberBad.
func TestProbeAccel(t *testing.T) {
	qemu64(t)
	dir := filepath.Join(t.TempDir(), "cache")
	d := new(Driver)
	got, err := d.ProbeAccel(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %s", got.Name, got.Why)
	if got.Name == "" || got.Why == "" {
		t.Errorf("ProbeAccel = %+v; want a name and a reason", got)
	}
	p, err := readProof(dir)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("nothing was tried: %s", got.Why)
	}
	if err != nil || p.Accel != got {
		t.Fatalf("remembered %+v, %v; want %+v", p, err, got)
	}
	again, err := d.ProbeAccel(t.Context(), dir)
	if err != nil || again != got {
		t.Errorf("second ProbeAccel = %+v, %v; want %+v", again, err, got)
	}
	if err := d.RememberBad(dir, p.Tried, "a guest hung"); err != nil {
		t.Fatal(err)
	}
	bad, err := d.ProbeAccel(t.Context(), dir)
	if want := (Accel{tcg, "a guest hung"}); err != nil || bad != want {
		t.Errorf("ProbeAccel after RememberBad = %+v, %v; want %+v", bad, err, want)
	}
}

// A host with the 32-bit QEMU alone has an answer, too.
func TestProbeAccelI386(t *testing.T) {
	program, err := exec.LookPath("qemu-system-i386")
	if err != nil {
		t.Skip("qemu-system-i386 is not installed")
	}
	d := &Driver{Dir: t.TempDir()}
	if err := os.Symlink(program, filepath.Join(d.Dir, "qemu-system-i386")); err != nil {
		t.Fatal(err)
	}
	got, err := d.ProbeAccel(t.Context(), t.TempDir())
	t.Logf("%s: %s", got.Name, got.Why)
	if err != nil || got.Name == "" || got.Why == "" {
		t.Errorf("ProbeAccel = %+v, %v; want a name and a reason", got, err)
	}
	if _, arch, err := d.emulator(); arch != "i386" || err != nil {
		t.Errorf("tried with the processor %s, %v; want i386", arch, err)
	}
	if err := d.RememberBad(t.TempDir(), "kvm", "a guest hung"); err != nil {
		t.Error(err)
	}
}

func TestProofHolds(t *testing.T) {
	p := proof{1, "boot", "qemu", "kvm", Accel{"kvm", "ran"}}
	tests := []struct {
		name   string
		change func(*proof)
		want   bool
	}{
		{"same", func(*proof) {}, true},
		{"no use", func(p *proof) { p.Accel.Name = tcg }, true},
		{"boot", func(p *proof) { p.Boot = "next" }, false},
		{"qemu", func(p *proof) { p.QEMU = "newer" }, false},
		{"tried", func(p *proof) { p.Tried = "nvmm" }, false},
		{"version", func(p *proof) { p.Version = 2 }, false},
		{"answer", func(p *proof) { p.Accel.Name = "hvf" }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			kept := p
			tt.change(&kept)
			if got := kept.holds(p); got != tt.want {
				t.Errorf("holds = %v; want %v", got, tt.want)
			}
		})
	}
}

func TestProbeAccelEnds(t *testing.T) {
	qemu64(t)
	if _, err := candidate("linux", "amd64"); err != nil {
		t.Skipf("nothing to try: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if _, err := new(Driver).ProbeAccel(ctx, t.TempDir()); !errors.Is(err, why) {
		t.Errorf("error %v; want %v", err, why)
	}
}

func TestCandidate(t *testing.T) {
	for _, tt := range []struct{ system, arch, want string }{
		{"plan9", "amd64", "no accelerator is known for plan9"},
		{"linux", "arm64", "this host's processor (arm64)"},
	} {
		if name, err := candidate(tt.system, tt.arch); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("candidate(%s, %s) = %q, %v; want %q", tt.system, tt.arch, name, err, tt.want)
		}
	}
}
