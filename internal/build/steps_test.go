package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// editor is a Runner whose commands are words of its own: "make PATH" writes
// what /in says into a file, "exit" fails.
type editor struct {
	t    *testing.T
	jobs [][]string // the commands of each boot
}

func (r *editor) Run(ctx context.Context, j Job) ([]tree.Tree, error) {
	var job []string
	var trees []tree.Tree
	defer func() { r.jobs = append(r.jobs, job) }()
	now := j.Tree
	for n, s := range j.Steps {
		j.Started(n)
		command := s.Run.Args[len(s.Run.Args)-1]
		job = append(job, command)
		verb, p, _ := strings.Cut(command, " ")
		if verb == "exit" {
			return trees, &StepError{Step: s, Code: 3}
		}
		in, err := now.ReadFile("/in", 100)
		if err != nil {
			return trees, err
		}
		host := filepath.Join(j.Dir, filepath.Base(p))
		if err := os.WriteFile(host, append(in, p...), 0o644); err != nil {
			return trees, err
		}
		e, err := tree.FromFile(host, p, 0o644, s.Text)
		if err != nil {
			return trees, err
		}
		now = now.Clone()
		if err := now.Put(e); err != nil {
			return trees, err
		}
		trees = append(trees, now)
	}
	return trees, ctx.Err()
}

// epochOf is when the overlays of step ships were written.
var epochOf = time.Unix(1e9, 0)

// stepShip is a ship with an overlay, a shell and commands.
func stepShip(t *testing.T, in string, commands ...string) ship.Ship {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{"over/in": in, "over/bin/sh": program(t, linux), "over/bin/x": program(t, linux)})
	for _, p := range []string{"over/in", "over/bin/sh", "over/bin/x", "over/bin", "over"} { // steps see times
		if err := os.Chtimes(filepath.Join(dir, p), epochOf, epochOf); err != nil {
			t.Fatal(err)
		}
	}
	return ship.Ship{
		Name: "steps", File: "ship.conf", Guest: linux, Lines: map[string]int{"run_at_build[0]": 7, "run_at_build[1]": 8},
		Overlays: []ship.Overlay{{Dir: filepath.Join(dir, "over")}},
		Hooks:    ship.Hooks{Build: commands}, Config: image.Config{Cmd: []string{"/bin/x"}},
	}
}

func TestSteps(t *testing.T) {
	cache := t.TempDir()
	r := &editor{t: t}
	o := Options{Cache: cache, Runner: r, Fresh: true}
	made := func(s ship.Ship) string {
		t.Helper()
		img, _, err := Build(t.Context(), s, o)
		if err != nil {
			t.Fatal(err)
		}
		text, err := img.Tree.ReadFile("/b", 100)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if got := made(stepShip(t, "1", "make /a", "make /b")); got != "1/b" {
		t.Errorf("the steps made %q", got)
	}
	if got := made(stepShip(t, "1", "make /a", "make /b")); got != "1/b" {
		t.Errorf("from the cache came %q", got)
	}
	if got := made(stepShip(t, "2", "make /a", "make /b")); got != "2/b" {
		t.Errorf("with another overlay the steps made %q", got)
	}
	made(stepShip(t, "1", "make /a", "make /c", "make /b"))
	want := [][]string{{"make /a", "make /b"}, {"make /a", "make /b"}, {"make /c", "make /b"}}
	if diff := cmp.Diff(want, r.jobs); diff != "" {
		t.Errorf("boots (-want +got):\n%s", diff)
	}
}

func TestStepThatFails(t *testing.T) {
	cache := t.TempDir()
	r := &editor{t: t}
	o := Options{Cache: cache, Runner: r}
	_, _, err := Build(t.Context(), stepShip(t, "1", "make /a", "exit"), o)
	var failed *StepError
	if !errors.As(err, &failed) || failed.Code != 3 || !strings.Contains(err.Error(), "ship.conf:8: exit: exit code 3") {
		t.Errorf("Build = %v", err)
	}
	left, err := filepath.Glob(filepath.Join(cache, "steps", ".tmp-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, _, err := Build(t.Context(), stepShip(t, "1", "make /a", "make /b"), o); err != nil {
		t.Error(err)
	}
	want := [][]string{{"make /a", "exit"}, {"make /b"}} // what the first step made is kept
	if diff := cmp.Diff(want, r.jobs); diff != "" {
		t.Errorf("boots (-want +got):\n%s", diff)
	}
}

// TestStepWithoutANetwork tells who may miss it, and nobody else.
func TestStepWithoutANetwork(t *testing.T) {
	for command, hint := range map[string]bool{"exit 1; pkgin -y install x": true, "exit 1; cat /etc/aptitude": false} {
		for _, on := range []bool{false, true} {
			_, _, err := Build(t.Context(), stepShip(t, "in ", command), Options{Cache: t.TempDir(), Runner: &editor{t: t}, Network: on})
			if err == nil || strings.Contains(err.Error(), "--network") != (hint && !on) {
				t.Errorf("%s with network %t: %v", command, on, err)
			}
		}
	}
}

func TestStepsWithoutAShell(t *testing.T) {
	s := stepShip(t, "1", "make /a")
	if err := os.Remove(filepath.Join(s.Overlays[0].Dir, "bin/sh")); err != nil {
		t.Fatal(err)
	}
	r := &editor{t: t}
	_, _, err := Build(t.Context(), s, Options{Cache: t.TempDir(), Runner: r})
	if err == nil || !strings.Contains(err.Error(), "ship.conf:7: make /a: this needs /bin/sh, which is not in the tree") || len(r.jobs) > 0 {
		t.Errorf("Build = %v after %d boots", err, len(r.jobs))
	}
}

func TestBuildIsFoundAgain(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": "1", "secret": "2", "Dockerfile": "FROM scratch\nARG X=1\nLABEL x=$X\nCOPY a /a\nCOPY d /d\n", "d/x": "", ".dockerignore": "secret\n"})
	o := Options{Cache: t.TempDir(), Guest: linux}
	chmod := func(name string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	load := func(args map[string]string) ship.Ship {
		t.Helper()
		s, err := ship.Load(t.Context(), dir, ship.Options{Guest: linux, BuildArgs: args})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	change := func(name string) {
		t.Helper()
		old := time.Now().Add(-time.Minute)
		if err := os.WriteFile(filepath.Join(dir, name), []byte("changed"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name   string
		change func()
		args   map[string]string
		cached bool
	}{
		{"at first", func() {}, nil, false},
		{"nothing changed", func() {}, nil, true},
		{"a file that is left out changed", func() { change("secret") }, nil, true},
		{"a file that is copied changed", func() { change("a") }, nil, false},
		{"a folder has another mode", func() { chmod("d", 0o700) }, nil, false},
		{"nor changed then", func() {}, nil, true},
		{"another argument", func() {}, map[string]string{"X": "2"}, false},
	} {
		tt.change()
		s := load(tt.args)
		o.BuildArgs = tt.args
		_, r, err := Build(t.Context(), s, o)
		if err != nil {
			t.Fatal(err)
		}
		if r.Cached != tt.cached {
			t.Errorf("%s: cached %t, want %t", tt.name, r.Cached, tt.cached)
		}
	}
}
