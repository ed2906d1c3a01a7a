package test

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fakecracker/fakecracker/test/mirror"
)

// A guest is one row of the table of guests that every script in
// testdata/guest is run on.
type guest struct {
	name   string // "netbsd-i386"
	flags  string // of run, without the ship
	kernel string // file below FAKECRACKER_TEST_KERNELS, or "" for Debian's
	web    string // the real web server: "caddy" or "nginx"
	goos   string
	goarch string
	button bool // without an agent it still obeys its power button
}

var guests = []guest{
	{"netbsd-i386", "--guest netbsd/i386", "netbsd-i386", "caddy", "netbsd", "386", false},
	{"netbsd-amd64-microvm", "--guest netbsd/amd64 --machine microvm", "netbsd-amd64", "caddy", "netbsd", "amd64", false},
	{"netbsd-amd64-pc", "--guest netbsd/amd64 --machine pc", "netbsd-amd64", "caddy", "netbsd", "amd64", true},
	// Linux on a microvm wants an accelerator (instance.machineType).
	{"linux-pc", "--guest linux --machine pc", "", "nginx", "linux", "amd64", false},
}

// TestGuests runs every script of testdata/guest on every guest at hand.
func TestGuests(t *testing.T) {
	home := sharedHome(t)
	m := mirror.New(t)
	for _, g := range guests {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			if why := g.missing(home); why != "" {
				count.skip(g.name, why)
				t.Skip(why)
			}
			vars := g.prepare(t)
			vars["FAKECRACKER_HOME"] = home
			vars["MIRROR_FLAGS"] = "--mirror " + m.ReleasesURL() + " --pkgsrc " + m.PackagesURL() + "/NetBSD"
			vars["ARTICLE"] = articleDir()
			testscript.Run(t, testscript.Params{
				Dir:                 "testdata/guest",
				Cmds:                commands,
				RequireExplicitExec: true,
				Condition:           g.condition,
				Setup: func(env *testscript.Env) error {
					count.run(g.name)
					for k, v := range vars {
						env.Setenv(k, v)
					}
					return nil
				},
			})
		})
	}
}

// articleDir is where the article's files are, which are no part of the
// project.
func articleDir() string {
	dir := os.Getenv("FAKECRACKER_TEST_ARTICLE")
	if dir == "" {
		dir = "../../shared/article"
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	return dir
}

// missing says why the guest can't be tried here, or "".
func (g guest) missing(home string) string {
	if g.kernel == "" {
		return linuxKernel(home)
	}
	if _, err := os.Stat(filepath.Join(kernelsDir(), g.kernel)); err != nil {
		return "no test kernel " + g.kernel
	}
	if _, err := os.Stat(filepath.Join(os.Getenv("FAKECRACKER_TEST_CADDY"), g.kernel)); err != nil {
		return "no caddy for " + g.kernel + ": run scripts/test"
	}
	return ""
}

// condition answers the scripts' [button], [netbsd], [article], [debian] and
// [userns].
func (g guest) condition(cond string) (bool, error) {
	switch cond {
	case "button":
		return g.button, nil
	case "guest:netbsd": // testscript takes a bare netbsd for the host
		return g.goos == "netbsd", nil
	case "article":
		_, err := os.Stat(filepath.Join(articleDir(), "test.conf"))
		return err == nil, nil
	case "guest:debian":
		return g.goos == "linux", nil
	case "userns":
		return exec.Command("unshare", "-Urm", "true").Run() == nil, nil
	}
	return false, fmt.Errorf("unknown condition %q", cond)
}

// prepare builds the guest's ships and returns the scripts' variables.
func (g guest) prepare(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	flags := g.flags
	if g.kernel != "" {
		flags += " --kernel " + filepath.Join(kernelsDir(), g.kernel)
	}
	probe := filepath.Join(dir, "probe")
	buildProbe(t, g, probe)
	other := filepath.Join(dir, "other")
	buildProbe(t, g.other(), other)
	vars := map[string]string{
		"GUEST":       g.name,
		"OTHER":       other,
		"GUEST_FLAGS": flags,
		"GUEST_ONLY":  g.flags,
		"KERNEL":      filepath.Join(kernelsDir(), g.kernel),
		"PROBE":       probe,
		"PLATFORM":    g.goos + "/" + g.goarch,
		"WEB":         filepath.Join(dir, "web"),
		"GOCACHE":     goCache(t),
	}
	switch g.web {
	case "nginx":
		copyTree(t, vars["WEB"], "../examples/nginx")
	case "caddy":
		copyTree(t, vars["WEB"], "testdata/caddy")
		program := filepath.Join(os.Getenv("FAKECRACKER_TEST_CADDY"), g.kernel)
		if err := os.Symlink(program, filepath.Join(vars["WEB"], "caddy")); err != nil {
			t.Fatal(err)
		}
	}
	return vars
}

// goCache is where Go keeps what it has compiled: scripts have another home.
func goCache(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// other is a guest whose programs don't run in g.
func (g guest) other() guest {
	if g.goos == "linux" {
		return guest{goos: "netbsd", goarch: "386"}
	}
	return guest{goos: "linux", goarch: "amd64"}
}

func copyTree(t *testing.T, to, from string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// buildProbe takes the probe that scripts/test built, else builds it.
func buildProbe(t *testing.T, g guest, out string) {
	t.Helper()
	if dir := os.Getenv("FAKECRACKER_TEST_PROBES"); dir != "" {
		b, err := os.ReadFile(filepath.Join(dir, g.goos+"-"+g.goarch))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(out, b, 0o755); err != nil {
			t.Fatal(err)
		}
		return
	}
	c := exec.Command("go", "build", "-o", out, "./probe")
	c.Env = append(os.Environ(), "GOOS="+g.goos, "GOARCH="+g.goarch, "CGO_ENABLED=0")
	if b, err := c.CombinedOutput(); err != nil {
		t.Fatalf("build the probe: %v\n%s", err, b)
	}
}

func kernelsDir() string {
	if dir := os.Getenv("FAKECRACKER_TEST_KERNELS"); dir != "" {
		return dir
	}
	return filepath.Join(os.Getenv("HOME"), ".cache/fakecracker/test-kernels")
}

var (
	homeOnce  sync.Once
	homeDir   string
	linuxOnce sync.Once
	linuxWhy  string
)

// sharedHome is the state folder that the guests' scripts share, as a user's
// commands would. It is made once, and removed by TestMain.
func sharedHome(t *testing.T) string {
	t.Helper()
	homeOnce.Do(func() {
		dir, err := os.MkdirTemp("", "fakecracker-home")
		if err != nil {
			t.Fatal(err)
		}
		homeDir = dir
	})
	return homeDir
}

// linuxKernel fetches Debian's kernel once, and says why it can't be had.
func linuxKernel(home string) string {
	linuxOnce.Do(func() {
		c := exec.Command("fakecracker", "kernel", "fetch", "linux")
		c.Env = append(os.Environ(), "FAKECRACKER_HOME="+home)
		if b, err := c.CombinedOutput(); err != nil {
			linuxWhy = fmt.Sprintf("no Linux kernel: %s", strings.TrimSpace(string(b)))
		}
	})
	return linuxWhy
}

// A counter counts what was run on each guest, for the line at the end.
type counter struct {
	mu      sync.Mutex
	ran     map[string]int
	skipped map[string]string
}

var count = counter{ran: map[string]int{}, skipped: map[string]string{}}

func (c *counter) run(guest string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ran[guest]++
}

func (c *counter) skip(guest, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skipped[guest] = why
}

// write puts the line into the file that scripts/test shows at the end.
func (c *counter) write(path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	var parts []string
	for _, g := range slices.Sorted(maps.Keys(c.ran)) {
		parts = append(parts, fmt.Sprintf("%s %d run", g, c.ran[g]))
	}
	for _, g := range slices.Sorted(maps.Keys(c.skipped)) {
		parts = append(parts, fmt.Sprintf("%s skipped (%s)", g, c.skipped[g]))
	}
	fmt.Fprintf(w, "guests: %s\n", strings.Join(parts, ", "))
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
