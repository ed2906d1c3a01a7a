package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// proberLimit is how long the prober may take under an accelerator. One that
// is real needs a tenth of it, QEMU's own start included.
const proberLimit = 2 * time.Second

const (
	tcg       = "tcg"
	accelFile = "accel.json"
	romFile   = "accel-prober.bin"
)

// An Accel is what guests run on.
type Accel struct {
	Name string `json:"name"` // QEMU's word: "kvm", "hvf", "nvmm" or "tcg"
	Why  string `json:"why"`  // in one line: what proved it, or why there is nothing better than tcg
}

// A proof is a remembered Accel, and what it holds for.
type proof struct {
	Version int    `json:"version"` // 1
	Boot    string `json:"boot"`    // the host's boot
	QEMU    string `json:"qemu"`    // the program's path, size and time
	Tried   string `json:"tried"`   // the accelerator that was tried
	Accel   Accel  `json:"accel"`
}

// ProbeAccel returns the best accelerator that has proved that it can run a
// guest. Where one can be opened, a tiny guest is run on it once in each boot
// of the host and for each QEMU, for at most 2 s; the answer is remembered in
// cacheDir. There is always an answer, "tcg" at the last; an error means that
// there is no QEMU of either processor, or that ctx ended.
func (d *Driver) ProbeAccel(ctx context.Context, cacheDir string) (Accel, error) {
	program, arch, err := d.emulator()
	if err != nil {
		return Accel{}, fmt.Errorf("look for an accelerator: %w", err)
	}
	name, err := candidate(runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return Accel{Name: tcg, Why: err.Error()}, nil
	}
	want := proof{Version: 1, Boot: hostBoot(), QEMU: identity(program), Tried: name}
	if got, err := readProof(cacheDir); err == nil && got.holds(want) {
		return got.Accel, nil
	}
	want.Accel, err = d.tryAccel(ctx, program, arch, name, cacheDir)
	if err != nil {
		return Accel{}, fmt.Errorf("look for an accelerator: %w", err)
	}
	if err := want.write(cacheDir); err != nil {
		d.logger().Warn("remember the accelerator", "error", err)
	}
	return want.Accel, nil
}

// RememberBad makes ProbeAccel answer "tcg" for the rest of the host's boot,
// because a guest has hung under the accelerator though it had passed.
func (d *Driver) RememberBad(cacheDir, name, why string) error {
	program, _, err := d.emulator()
	if err != nil {
		return fmt.Errorf("remember that %s is no use: %w", name, err)
	}
	p := proof{Version: 1, Boot: hostBoot(), QEMU: identity(program), Tried: name, Accel: Accel{Name: tcg, Why: why}}
	if err := p.write(cacheDir); err != nil {
		return fmt.Errorf("remember that %s is no use: %w", name, err)
	}
	return nil
}

// emulator returns the QEMU that accelerators are tried with, and which
// processor it has. The 32-bit one will do where there is no other.
func (d *Driver) emulator() (program, arch string, err error) {
	program, err = d.program("amd64")
	if err == nil {
		return program, "amd64", nil
	}
	if program, other := d.program("i386"); other == nil {
		return program, "i386", nil
	}
	return "", "", err
}

// candidate returns the accelerator that a system has for our guests, if it
// can be opened.
func candidate(system, arch string) (string, error) {
	if arch != "amd64" && arch != "386" {
		return "", fmt.Errorf("this host's processor (%s) can't run the guest's", arch)
	}
	device := map[string]string{"linux": "/dev/kvm", "netbsd": "/dev/nvmm", "darwin": ""}
	path, ok := device[system]
	if !ok {
		return "", fmt.Errorf("no accelerator is known for %s", system)
	}
	if path == "" {
		return "hvf", nil
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrPermission) {
		return "", fmt.Errorf("%s can't be opened: join the group that owns it (kvm, nvmm) and log in again", path)
	}
	if err != nil {
		return "", fmt.Errorf("no accelerator: %w", err)
	}
	return filepath.Base(path), f.Close()
}

// tryAccel lets the prober decide. Its error is ctx's, or that the prober
// couldn't be laid down.
func (d *Driver) tryAccel(ctx context.Context, program, arch, name, dir string) (Accel, error) {
	rom := filepath.Join(dir, romFile)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Accel{}, err
	}
	if err := atomicfile.WriteFile(rom, prober(arch), 0o644); err != nil {
		return Accel{}, err
	}
	start := time.Now()
	err := runProber(ctx, program, arch, name, rom, proberLimit)
	switch {
	case ctx.Err() != nil:
		return Accel{}, context.Cause(ctx)
	case err != nil:
		return Accel{Name: tcg, Why: fmt.Sprintf("%s is no use here: %v", name, err)}, nil
	}
	return Accel{Name: name, Why: fmt.Sprintf("a guest ran under it in %d ms", time.Since(start).Milliseconds())}, nil
}

// runProber runs the prober's image for a processor and returns nil if it did
// all it should.
func runProber(ctx context.Context, program, arch, accel, rom string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	// QEMU dies with the thread that starts it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var stderr messages
	cmd := exec.CommandContext(ctx, program,
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-M", pcVersion,
		"-accel", accel, "-cpu", cpu(arch), "-m", "16", "-bios", rom,
		"-device", fmt.Sprintf("isa-debug-exit,iobase=%#x,iosize=1", proberPort))
	cmd.Stderr = &stderr
	cmd.Env = environment(os.Environ())
	cmd.SysProcAttr = attributes()
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("a test guest was not done within %v", limit)
	case errors.As(err, &exit) && exit.ExitCode() == proberStatus:
		return nil
	case err != nil && stderr.last() != "":
		return errors.New(stderr.last())
	case err != nil:
		return err
	}
	return errors.New("a test guest fell over")
}

func readProof(dir string) (proof, error) {
	var p proof
	data, err := os.ReadFile(filepath.Join(dir, accelFile))
	if err != nil {
		return p, err
	}
	return p, json.Unmarshal(data, &p)
}

// holds says whether p is an answer to what is asked now.
func (p proof) holds(now proof) bool {
	answer := p.Accel.Name == p.Tried || p.Accel.Name == tcg
	now.Accel = p.Accel
	return answer && p == now
}

func (p proof) write(dir string) error {
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(dir, accelFile), append(data, '\n'), 0o644)
}

// identity tells one QEMU from another without running it.
func identity(program string) string {
	fi, err := os.Stat(program)
	if err != nil {
		return program
	}
	return fmt.Sprintf("%s %d %s", program, fi.Size(), fi.ModTime().UTC().Format(time.RFC3339))
}

func today() string { return time.Now().Format(time.DateOnly) }
