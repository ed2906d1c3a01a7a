package kernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// buildGrace is how long a build that is stopped has to end by itself.
const buildGrace = 2 * time.Second

// BuildOptions say what to build, from what, and where.
type BuildOptions struct {
	Src        string   // NetBSD source tree, with build.sh; it is not written to
	Arch       string   // "i386" or "amd64"
	ConfigFile string   // a configuration's path, or the name of one of the tree's
	Dir        string   // where obj.<arch> and tools are made: some 3 GB
	ToolDir    string   // tools that are there already; "": Dir/tools, built where missing
	Jobs       int      // jobs at a time; 0: as many as there are processors
	Vars       []string // make variables, NAME=value
	Log        io.Writer
	// Progress, where set, is called with each step that build.sh announces.
	Progress func(step string)
}

// Build builds a kernel, and its tools first where they are missing, with the
// tree's own build.sh, and returns the kernel's path. Nothing is fetched. When
// ctx ends, all that build.sh started is ended too.
func Build(ctx context.Context, o BuildOptions) (string, error) {
	b := build{BuildOptions: o}
	if err := b.prepare(); err != nil {
		return "", fmt.Errorf("build kernel %s: %w", o.ConfigFile, err)
	}
	start := time.Now()
	if err := b.run(ctx); err != nil {
		return "", fmt.Errorf("build kernel %s: %w", o.ConfigFile, err)
	}
	path, err := b.result(start)
	if err != nil {
		return "", fmt.Errorf("build kernel %s: %w", o.ConfigFile, err)
	}
	return path, nil
}

// build is one run of build.sh.
type build struct {
	BuildOptions
	obj  string
	out  buildLog
	name string // of the configuration
}

// prepare checks the options and makes the paths absolute.
func (b *build) prepare() error {
	if b.Arch != "i386" && b.Arch != "amd64" {
		return fmt.Errorf("architecture %q: only i386 and amd64 are supported", b.Arch)
	}
	if b.Dir == "" {
		return errors.New("no folder to build in")
	}
	for _, p := range []*string{&b.Src, &b.Dir, &b.ToolDir} {
		if *p == "" {
			continue
		}
		abs, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		*p = abs
	}
	if _, err := os.Stat(filepath.Join(b.Src, "build.sh")); err != nil {
		return fmt.Errorf("%s: %w: no build.sh", b.Src, ErrNoTree)
	}
	if err := b.findConfig(); err != nil {
		return err
	}
	b.obj = filepath.Join(b.Dir, "obj."+b.Arch)
	if b.ToolDir == "" {
		b.ToolDir = filepath.Join(b.Dir, "tools")
	}
	if !b.haveTools() {
		if err := compilers(); err != nil {
			return err
		}
	}
	return os.MkdirAll(b.Dir, 0o755)
}

// findConfig finds the configuration: a word with a slash is a path.
func (b *build) findConfig() error {
	path := filepath.Join(b.Src, "sys", "arch", b.Arch, "conf", b.ConfigFile)
	if strings.Contains(b.ConfigFile, "/") {
		abs, err := filepath.Abs(b.ConfigFile)
		if err != nil {
			return err
		}
		path, b.ConfigFile = abs, abs
	}
	b.name = filepath.Base(path)
	if !isName(b.name) {
		return fmt.Errorf("%q can't be a configuration's name", b.name)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no %s", path)
	} else if err != nil {
		return err
	}
	return nil
}

// haveTools looks for what build.sh makes last and needs first.
func (b *build) haveTools() bool {
	for _, tool := range []string{"nbmake-" + b.Arch, "nbconfig"} {
		if _, err := os.Stat(filepath.Join(b.ToolDir, "bin", tool)); err != nil {
			return false
		}
	}
	return true
}

func compilers() error {
	for _, c := range []string{"cc", "c++"} {
		if _, err := exec.LookPath(c); err != nil {
			return fmt.Errorf("the tools have to be built, and there is no compiler %s (on Debian: apt install build-essential)", c)
		}
	}
	return nil
}

// args are those of build.sh(8): -U without root, -u without cleaning first.
func (b *build) args() []string {
	jobs := b.Jobs
	if jobs <= 0 {
		jobs = runtime.NumCPU()
	}
	args := []string{"-U", "-u", "-j", strconv.Itoa(jobs), "-m", b.Arch, "-O", b.obj, "-T", b.ToolDir}
	for _, v := range b.Vars {
		args = append(args, "-V", v)
	}
	if !b.haveTools() {
		args = append(args, "tools")
	}
	return append(args, "kernel="+b.ConfigFile)
}

// wrapper runs its arguments and ends with their status. Should the pipe at
// descriptor 3 be closed before, its writer is dead: then everything in the
// process group is ended, by force after two seconds (buildGrace).
const wrapper = `
(trap '' TERM; read -r none <&3; kill -TERM 0; sleep 2; kill -KILL 0) >/dev/null 2>&1 &
"$@" 3<&-
status=$?
kill -KILL $! 2>/dev/null
exit $status`

// run runs build.sh in a process group of its own, which does not outlive us.
func (b *build) run(ctx context.Context) (err error) {
	b.out.log, b.out.progress = b.Log, b.Progress
	watched, held, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { err = both(err, both(watched.Close(), held.Close())) }()
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", wrapper, "sh", "./build.sh"}, b.args()...)...)
	cmd.ExtraFiles = []*os.File{watched}
	cmd.Dir = b.Src
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdout, cmd.Stderr = &b.out, &b.out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = buildGrace
	err = cmd.Run()
	b.out.flush()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		// Whoever of the group ignored the first signal goes by this one.
		// That none is left is what we want.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		err = ctx.Err()
	}
	return &BuildError{Step: b.out.step, Tail: b.out.tail, Err: err}
}

// result finds the kernel: where build.sh says it is, else where it puts it.
func (b *build) result(start time.Time) (string, error) {
	usual := filepath.Join(b.obj, "sys", "arch", b.Arch, "compile", b.name, "netbsd")
	for _, p := range append(slices.Clone(b.out.kernels), usual) {
		if fi, err := os.Stat(p); err == nil && fi.Mode().IsRegular() {
			return p, nil
		}
	}
	return "", fmt.Errorf("build.sh ended after %s without an error, but there is no %s", time.Since(start).Round(time.Second), usual)
}
