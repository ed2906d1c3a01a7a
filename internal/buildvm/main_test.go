package buildvm

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/internal/build"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/kernel"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/source/debian"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// bootTime is generous: the host may be doing much else.
const bootTime = 5 * time.Minute

// made is what the tests make once: a state folder and programs.
var made struct {
	sync.Mutex
	dir   string
	linux kernel.Kernel
	why   string // there is no Linux kernel
}

func TestMain(m *testing.M) {
	code, err := inFolder(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func inFolder(run func() int) (int, error) {
	dir, err := os.MkdirTemp("", "buildvm-test-*")
	if err != nil {
		return 0, err
	}
	made.dir = dir
	code := run()
	return code, os.RemoveAll(dir)
}

// A guest is one that the tests are run on.
type guest struct {
	name    string
	guest   image.Guest
	machine string
}

var (
	netbsdI386  = guest{"netbsd-i386", image.Guest{OS: "netbsd", Arch: "i386"}, "pc"}
	netbsdAMD64 = guest{"netbsd-amd64", image.Guest{OS: "netbsd", Arch: "amd64"}, ""}
	linuxAMD64  = guest{"linux", image.Guest{OS: "linux", Arch: "amd64"}, "pc"}
	guests      = []guest{netbsdI386, netbsdAMD64, linuxAMD64}
)

// kernel returns the guest's, or skips the test.
func (g guest) kernel(t testing.TB) kernel.Kernel {
	t.Helper()
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Skip("qemu-system-x86_64 is not installed")
	}
	if g.guest.OS == "linux" {
		return linuxKernel(t)
	}
	userHome, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := cmp.Or(os.Getenv("FAKECRACKER_TEST_KERNELS"), filepath.Join(userHome, ".cache/fakecracker/test-kernels"))
	path := filepath.Join(dir, g.name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no test kernel: %v", err)
	}
	info, err := kernel.Inspect(path)
	if err != nil {
		t.Fatal(err)
	}
	return kernel.Kernel{Names: []string{g.name}, Path: path, Info: info}
}

// linuxKernel is Debian's, fetched once.
func linuxKernel(t testing.TB) kernel.Kernel {
	t.Helper()
	made.Lock()
	defer made.Unlock()
	if made.linux.Path == "" && made.why == "" {
		if err := fetchLinux(); err != nil {
			made.why = err.Error()
		}
	}
	if made.why != "" {
		t.Skip(made.why)
	}
	return made.linux
}

// packages is Debian's archive, with its state in a folder that outlives the
// tests where one is named.
func packages() *debian.Source {
	return &debian.Source{Dir: cmp.Or(os.Getenv("FAKECRACKER_TEST_APT"), filepath.Join(made.dir, "apt"))}
}

func fetchLinux() error {
	ctx, cancel := context.WithTimeout(context.Background(), bootTime)
	defer cancel()
	k, err := packages().LinuxKernel(ctx, "amd64")
	if err != nil {
		return fmt.Errorf("no Linux kernel: %w", err)
	}
	b := kernel.Bundle{Image: k.Image, Origin: k.Origin}
	for _, f := range k.Files {
		b.Files = append(b.Files, kernel.BundleFile{Path: f.Path, Open: f.Open})
	}
	made.linux, err = (&kernel.Store{Dir: filepath.Join(made.dir, "kernels")}).ImportLinux(ctx, "linux", b)
	return err
}

// worker returns ./testdata/worker for the guest as a host file.
func (g guest) worker(t testing.TB) string {
	t.Helper()
	made.Lock()
	defer made.Unlock()
	out := filepath.Join(made.dir, "worker-"+g.name)
	if _, err := os.Stat(out); err == nil {
		return out
	}
	c := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", out, "./testdata/worker")
	arch := strings.Replace(g.guest.Arch, "i386", "386", 1)
	c.Env = append(os.Environ(), "GOOS="+g.guest.OS, "GOARCH="+arch, "CGO_ENABLED=0")
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

// A trial is one job and what came of it.
type trial struct {
	job    build.Job
	runner *Runner
	output *bytes.Buffer
	log    *bytes.Buffer // console
}

// try makes a job of steps that each run the worker with these arguments.
func (g guest) try(t testing.TB, base tree.Tree, steps ...string) *trial {
	t.Helper()
	k := g.kernel(t)
	tr := &trial{output: new(bytes.Buffer), log: new(bytes.Buffer)}
	tr.job = build.Job{Name: "test", Guest: g.guest, Tree: base, Dir: t.TempDir(), Output: tr.output}
	for i, text := range steps {
		args := strings.Fields(text)
		tr.job.Steps = append(tr.job.Steps, ship.Step{File: "ship.conf", Line: i + 1, Text: text, Run: &ship.Run{Args: args}})
	}
	tr.runner = &Runner{
		Home:    filepath.Join(made.dir, "home"),
		Kernel:  func(context.Context, image.Guest) (kernel.Kernel, error) { return k, nil },
		Machine: g.machine,
		Console: tr.log,
	}
	return tr
}

func (tr *trial) run(t *testing.T) ([]tree.Tree, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*bootTime)
	defer cancel()
	trees, err := tr.runner.Run(ctx, tr.job)
	if t.Failed() || err != nil {
		t.Logf("console:\n%s", tr.log)
	}
	tr.checkDir(t)
	return trees, err
}

// checkDir looks whether anything but packs is left.
func (tr *trial) checkDir(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(tr.job.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if !strings.HasSuffix(e.Name(), ".pack") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

// succeed runs the job and returns its trees.
func (tr *trial) succeed(t *testing.T) []tree.Tree {
	t.Helper()
	trees, err := tr.run(t)
	if err != nil {
		t.Fatal(err)
	}
	if len(trees) != len(tr.job.Steps) {
		t.Fatalf("%d trees of %d steps", len(trees), len(tr.job.Steps))
	}
	for i := range trees {
		verify(t, &trees[i])
	}
	return trees
}

// verify reads all files of a tree.
func verify(t *testing.T, tr *tree.Tree) {
	t.Helper()
	for _, e := range tr.All() {
		if e.Type != tree.File {
			continue
		}
		r, err := e.Open()
		if err != nil {
			t.Error(err)
			continue
		}
		digest, n, err := tree.DigestOf(r)
		if err := errors.Join(err, r.Close()); err != nil || digest != e.Digest || n != e.Size {
			t.Errorf("%s: %d bytes with %s, %v; want %d with %s", e.Path, n, digest, err, e.Size, e.Digest)
		}
	}
}

// failed runs a job that must fail at a step and returns that error.
func (tr *trial) failed(t *testing.T, trees int) *build.StepError {
	t.Helper()
	got, err := tr.run(t)
	var step *build.StepError
	if !errors.As(err, &step) {
		t.Fatalf("error %v; want a step's", err)
	}
	if len(got) != trees {
		t.Errorf("%d trees; want %d", len(got), trees)
	}
	return step
}

func text(t *testing.T, tr *tree.Tree, p string) string {
	t.Helper()
	e, err := tr.Lookup(p)
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
