package debian

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// hooks is read after the host's own apt.conf(5), and takes out what would
// touch the host or can't work without root.
const hooks = `#clear APT::Architectures;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Default-Release;
#clear DPkg::Pre-Invoke;
#clear DPkg::Pre-Install-Pkgs;
#clear DPkg::Post-Invoke;
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::DEP-11-icons;
#clear Acquire::IndexTargets::deb::DEP-11-icons-small;
#clear Acquire::IndexTargets::deb::DEP-11-icons-large;
#clear Acquire::IndexTargets::deb::DEP-11-icons-hidpi;
#clear Acquire::IndexTargets::deb::DEP-11-icons-large-hidpi;
#clear Acquire::IndexTargets::deb::CNF;
#clear Acquire::IndexTargets::deb::Contents-deb;
#clear Acquire::IndexTargets::deb-src;
`

const (
	// maxAge is how old package lists may be: Debian's own daily timer.
	maxAge = 24 * time.Hour
	// youngAge is how old they may be for a package that is not in them to
	// be taken as one that there isn't.
	youngAge = 10 * time.Minute
	// retryAge is when a refresh that did not work is tried again.
	retryAge = time.Hour
)

var (
	// errNotFound is what apt-get says of packages that it doesn't know.
	errNotFound = errors.New("package not found")
	errNoApt    = errors.New("packages of Debian need apt-get on this host, and it has none: " +
		"name an archive to take them from, with --debian ADDRESS")
)

// apt is apt-get with the private state below dir, for one user of it at a
// time: lock is held from openApt to Close.
type apt struct {
	s    *Source
	dir  string
	lock *os.File
}

// openApt makes the private state where it is missing, and waits for others
// who use it.
func (s *Source) openApt(ctx context.Context) (_ *apt, err error) {
	dir, err := filepath.Abs(filepath.Join(s.Dir, "apt-"+s.arch()))
	if err != nil {
		return nil, fmt.Errorf("prepare apt: %w", err)
	}
	for _, d := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, fmt.Errorf("prepare apt: %w", err)
		}
	}
	a := &apt{s: s, dir: dir}
	if err := a.take(ctx); err != nil {
		return nil, fmt.Errorf("prepare apt: lock %s: %w", dir, err)
	}
	err = a.keep("apt.conf", hooks)
	if _, serr := os.Stat(filepath.Join(dir, "status")); serr != nil {
		err = errors.Join(err, a.setInstalled(nil))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare apt: %w", err), a.Close())
	}
	return a, nil
}

// keep makes sure that the file name of the state has this text.
func (a *apt) keep(name, text string) error {
	p := filepath.Join(a.dir, name)
	if b, err := os.ReadFile(p); err == nil && string(b) == text {
		return nil
	}
	return atomicfile.WriteFile(p, []byte(text), 0o644)
}

// tools are packages that others depend on for their maintainer scripts only.
// Their commands are done natively, so they stay out of the tree, unless they
// are asked for.
var tools = []string{"adduser", "debconf", "dpkg", "init-system-helpers", "ucf"}

// setInstalled tells apt that the tools, except wanted, are installed.
func (a *apt) setInstalled(wanted []string) error {
	var b strings.Builder
	for _, t := range tools {
		if slices.Contains(wanted, t) {
			continue
		}
		fmt.Fprintf(&b, "Package: %s\nStatus: install ok installed\nVersion: 99\nArchitecture: %s\n"+
			"Multi-Arch: foreign\nMaintainer: none\nDescription: done natively\n", t, a.s.arch())
		if t == "debconf" {
			b.WriteString("Provides: debconf-2.0\n")
		}
		b.WriteString("\n")
	}
	return a.keep("status", b.String())
}

// take waits for the lock.
func (a *apt) take(ctx context.Context) (err error) {
	a.lock, err = os.OpenFile(filepath.Join(a.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if err := flock(ctx, a.lock); err != nil {
		return errors.Join(err, a.lock.Close())
	}
	return nil
}

// flock locks f against other processes and other openings of the file, until
// f is closed. It waits for whoever has the lock.
func flock(ctx context.Context, f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Close lets others use the state.
func (a *apt) Close() error { return a.lock.Close() }

// options are those of apt-get that make it use the state and nothing else of
// the host's but its sources, keys and way to the network.
func (a *apt) options() []string {
	set := []string{
		"Dir::State=" + a.dir,
		"Dir::State::status=" + filepath.Join(a.dir, "status"),
		"Dir::State::lists=" + filepath.Join(a.dir, "lists"),
		"Dir::Cache=" + filepath.Join(a.dir, "cache"),
		"Dir::Cache::archives=archives",
		// A parsed index makes resolving four times as fast; the one of
		// sources alone isn't needed beside it.
		"Dir::Cache::pkgcache=pkgcache.bin",
		"Dir::Cache::srcpkgcache=",
		"APT::Architecture=" + a.s.arch(),
		"APT::Architectures::=" + a.s.arch(),
		"APT::Install-Recommends=0",
		"APT::Sandbox::User=", // changing users takes root
		"Debug::NoLocking=1",
		"Acquire::ForceHash=SHA256",
		"Acquire::Languages=none",
		"Acquire::Retries=1",
		"Acquire::http::Timeout=20",
		"Acquire::https::Timeout=20",
	}
	args := []string{"-c", filepath.Join(a.dir, "apt.conf")}
	for _, o := range set {
		args = append(args, "-o", o)
	}
	return args
}

// get runs apt-get in the folder dir, hands each line of its output to line,
// and returns what it complained of as an error: errNotFound where a package
// isn't known.
func (a *apt) get(ctx context.Context, dir string, line func(string), args ...string) error {
	return a.run(ctx, "apt-get", dir, line, args...)
}

// run is get for any of apt's programs.
func (a *apt) run(ctx context.Context, program, dir string, line func(string), args ...string) error {
	path, err := exec.LookPath(program)
	if err != nil {
		return errNoApt
	}
	cmd := exec.CommandContext(ctx, path, append(a.options(), args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "LANGUAGE=")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 3 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	defer dieTogether(cmd)()
	if err := cmd.Start(); err != nil {
		return err
	}
	sc := bufio.NewScanner(out)
	for sc.Scan() {
		line(sc.Text())
	}
	err = errors.Join(sc.Err(), cmd.Wait())
	if ctx.Err() != nil {
		return ctx.Err()
	}
	a.s.Log().Debug(program, "args", args, "stderr", stderr.String(), "err", err)
	return aptError(stderr.String(), err)
}

// aptError makes one line of apt-get's errors and warnings. It returns nil
// when apt-get ended well, whatever it warned of.
func aptError(stderr string, err error) error {
	if err == nil {
		return nil
	}
	var said []string
	for l := range strings.Lines(stderr) {
		l = strings.TrimSpace(l)
		if e, ok := strings.CutPrefix(l, "E: "); ok && !slices.Contains(said, e) {
			said = append(said, e)
		}
	}
	if len(said) == 0 {
		return fmt.Errorf("apt-get: %w: %s", err, firstLine(stderr))
	}
	text := strings.Join(strings.Fields(said[0]), " ") // the first is the cause
	if more := len(said) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	for _, unknown := range []string{"Unable to locate package", "has no installation candidate", "was not found", "Couldn't find any package"} {
		if all := strings.Join(said, "; "); strings.Contains(all, unknown) {
			return fmt.Errorf("%w: %s", errNotFound, all)
		}
	}
	return fmt.Errorf("apt-get: %s", text)
}

func firstLine(s string) string {
	l, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return l
}
