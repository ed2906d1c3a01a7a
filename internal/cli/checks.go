package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/kernel"
	"github.com/fakecracker/fakecracker/internal/machine/qemu"
)

// Limits under which a check complains.
const (
	memoryNeeded = 512 << 20 // bytes: one guest, QEMU and a build beside it
	diskNeeded   = 2 << 30   // bytes: package lists, packages, some disks
	mirrorLimit  = 5 * time.Second
)

// A doctor collects findings.
type doctor struct {
	home     string
	findings []finding
}

func (d *doctor) add(level, format string, args ...any) {
	d.findings = append(d.findings, finding{level, fmt.Sprintf(format, args...)})
}

// qemu looks for the emulators and their versions.
func (d *doctor) qemu(ctx context.Context) {
	var found []string
	for _, name := range []string{"qemu-system-i386", "qemu-system-x86_64"} {
		v, err := qemuVersion(ctx, name)
		if err != nil {
			d.add(levelFail, "%s: %v: install QEMU 7.2 or newer (Debian, Ubuntu: apt install qemu-system-x86)", name, err)
			continue
		}
		found = append(found, name+" "+v)
	}
	if len(found) > 0 {
		d.add(levelOK, "%s", strings.Join(found, ", "))
	}
}

// qemuVersion returns the word after "version" that the program prints.
func qemuVersion(ctx context.Context, name string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, "--version").Output()
	if errors.Is(err, exec.ErrNotFound) {
		return "", errors.New("not found")
	}
	if err != nil {
		return "", err
	}
	_, after, _ := strings.Cut(string(out), "version ")
	version, _, _ := strings.Cut(after, " ")
	return strings.TrimSpace(version), nil
}

// accel proves which accelerator works.
func (d *doctor) accel(ctx context.Context) {
	var driver qemu.Driver
	a, err := driver.ProbeAccel(ctx, filepath.Join(d.home, "cache"))
	switch {
	case err != nil:
		d.add(levelFail, "accelerator: %v", err)
	case a.Name == "tcg":
		d.add(levelSlow, "accelerator: %s", accelText(a))
	default:
		d.add(levelOK, "accelerator: %s", accelText(a))
	}
}

// tools looks for the program that fetches packages.
func (d *doctor) tools() {
	if _, err := exec.LookPath("apt-get"); err != nil {
		d.add(levelInfo, "apt-get not found: Linux guests of Debian packages can't be built on this host")
		return
	}
	d.add(levelOK, "apt-get")
}

// memory reads what is free, where the host tells.
func (d *doctor) memory() {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		d.add(levelInfo, "memory: this host does not tell (%s)", runtime.GOOS)
		return
	}
	var kB int64
	for line := range strings.Lines(string(b)) {
		if _, err := fmt.Sscanf(line, "MemAvailable: %d kB", &kB); err == nil {
			break
		}
	}
	free := kB << 10
	if free < memoryNeeded {
		d.add(levelFail, "memory: %s free, a guest and its build want %s", formatSize(free), formatSize(memoryNeeded))
		return
	}
	d.add(levelOK, "memory: %s free", formatSize(free))
}

// disk reads what is free in the state folder.
func (d *doctor) disk() {
	free, err := diskFree(d.home)
	if err != nil {
		d.add(levelFail, "disk: %s: %v", d.home, err)
		return
	}
	if free < diskNeeded {
		d.add(levelFail, "disk: %s free in %s: make room, or set FAKECRACKER_HOME to a folder elsewhere", formatSize(free), d.home)
		return
	}
	d.add(levelOK, "disk: %s free in %s", formatSize(free), d.home)
}

// tap looks whether a tap device could be made.
func (d *doctor) tap() {
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		d.add(levelInfo, "tap: not to be had (%v); the default network needs nothing", errors.Unwrap(err))
		return
	}
	defer f.Close()
	if os.Geteuid() != 0 {
		d.add(levelInfo, "tap: needs CAP_NET_ADMIN; the default network needs nothing")
		return
	}
	d.add(levelOK, "tap: /dev/net/tun opens")
}

// kernels lists what is at hand.
func (d *doctor) kernels(s *kernel.Store) {
	all, err := s.List()
	if err != nil {
		d.add(levelFail, "%v", err)
		return
	}
	if len(all) == 0 {
		d.add(levelInfo, "kernels: none yet: fakecracker kernel fetch %s, or: fakecracker kernel import FILE", strings.Join(kernel.Names(), "|"))
	}
	for _, k := range all {
		d.add(levelOK, "kernel %s: %s, boots on %s", k.Name(), k.Info, strings.Join(k.Info.Machines, ", "))
	}
}

// mirrors asks each mirror for its front page, all at once: the default ones,
// or in place of NetBSD's own the one that the environment names.
func (d *doctor) mirrors(ctx context.Context, own string) {
	addresses := []string{kernel.DefaultMirror, kernel.DefaultDaily, kernel.DefaultSmolMirror}
	if own != "" {
		addresses = []string{own, kernel.DefaultSmolMirror}
	}
	errs := make([]error, len(addresses))
	var asked sync.WaitGroup
	for n, address := range addresses {
		asked.Go(func() { errs[n] = reach(ctx, address) })
	}
	asked.Wait()
	for n, address := range addresses {
		if errs[n] != nil {
			d.add(levelFail, "mirror %s can't be reached: %v (use --mirror or $FAKECRACKER_MIRROR, or: fakecracker kernel import FILE)", address, errs[n])
			continue
		}
		d.add(levelOK, "mirror %s", address)
	}
}

// reach asks for an address; any answer will do.
func reach(ctx context.Context, address string) error {
	if dir, local := fetch.LocalPath(address); local {
		_, err := os.Stat(dir)
		return innermost(err)
	}
	ctx, cancel := context.WithTimeout(ctx, mirrorLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, address+"/", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return innermost(err)
	}
	return res.Body.Close()
}

// innermost returns the error at the bottom of a chain: what the system said,
// without who asked.
func innermost(err error) error {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return errors.New(dns.Err)
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
