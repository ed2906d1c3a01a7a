package buildvm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/build"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/tree"
)

var t0 = time.Unix(1_500_000_000, 5000).UTC()

// base is the tree that the steps begin with.
func (g guest) base(t testing.TB) tree.Tree {
	t.Helper()
	var tr tree.Tree
	put := func(e tree.Entry) {
		t.Helper()
		e.ModTime, e.Why = t0, "base"
		if err := tr.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(g.worker(t))
	if err != nil {
		t.Fatal(err)
	}
	digest, n, err := tree.DigestOf(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/", "/bin", "/etc", "/etc/gone.d", "/lib", "/sbin", "/usr", "/usr/folder", "/usr/folder/in"} {
		put(tree.Entry{Path: p, Type: tree.Dir, Mode: 0o755})
	}
	put(tree.Entry{Path: "/bin/worker", Type: tree.File, Mode: 0o755, Size: n, Digest: digest, Content: tree.Content{Host: f.Name()}})
	for p, text := range map[string]string{
		"/etc/passwd": "root:*:0:0:root:/root:/bin/sh\nsailor:*:1000:100::/home/sailor:/bin/sh\n", "/etc/group": "users:*:100:\nextra:*:300:sailor\n",
		"/etc/old": "old\n", "/etc/gone": "gone\n", "/etc/gone.d/x": "gone\n", "/etc/mode": "mode\n", "/etc/owner": "owner\n",
		"/etc/same": "same\n", "/etc/moved": "moved\n", "/etc/kind": "kind\n", "/etc/kept": "kept\n",
		"/lib/a": "linked\n", "/lib/one": "one\n", "/usr/folder/a": "a\n", "/usr/folder/in/c": "c\n", "/sbin/init": "own init\n",
	} {
		put(tree.NewFile(p, 0o644, []byte(text), t0, ""))
	}
	for p, to := range map[string]string{"/lib/b": "/lib/a", "/lib/two": "/lib/one", "/lib/three": "/lib/one", "/usr/folder/b": "/usr/folder/a"} {
		put(tree.Entry{Path: p, Type: tree.Hardlink, Mode: 0o644, Link: to})
	}
	put(tree.Entry{Path: "/usr/folder/link", Type: tree.Symlink, Mode: 0o777, Link: "in/c"})
	return tr
}

// lines is what a tree holds, for comparing: times where they are as in the
// base, origins in one letter.
func lines(tr *tree.Tree) []string {
	var all []string
	for _, e := range tr.All() {
		s := fmt.Sprintf("%s %s %04o %d:%d", e.Path, e.Type, e.Mode, e.UID, e.GID)
		switch e.Type {
		case tree.File:
			s += fmt.Sprintf(" %d", e.Size)
		case tree.Symlink, tree.Hardlink:
			s += " -> " + e.Link
		case tree.Char, tree.Block:
			s += fmt.Sprintf(" %d,%d", e.Major, e.Minor)
		}
		for _, name := range slices.Sorted(maps.Keys(e.Xattrs)) {
			s += fmt.Sprintf(" %s=%x", name, e.Xattrs[name])
		}
		if e.ModTime.Equal(t0) {
			s += " t0"
		}
		all = append(all, s+" ("+e.Why+")")
	}
	return all
}

// difference is the lines that only one of two trees has.
func difference(a, b *tree.Tree) (gone, come []string) {
	la, lb := lines(a), lines(b)
	for _, s := range la {
		if !slices.Contains(lb, s) {
			gone = append(gone, s)
		}
	}
	for _, s := range lb {
		if !slices.Contains(la, s) {
			come = append(come, s)
		}
	}
	return gone, come
}

// TestChanges has steps that change the tree in every way.
func TestChanges(t *testing.T) {
	for _, g := range guests {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			base := g.base(t)
			tr := g.try(t, base, "worker change", "worker pass", "worker init")
			trees := tr.succeed(t)
			const by = "(ship.conf:1 worker change)"
			gone, come := difference(&base, &trees[0])
			if diff := cmp.Diff(wantGone, gone); diff != "" {
				t.Errorf("gone (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(wantCome(by), come); diff != "" {
				t.Errorf("come (-want +got):\n%s", diff)
			}
			if e, _ := trees[0].Get("/new"); !e.ModTime.Equal(time.Unix(1_600_000_000, 123_000)) {
				t.Errorf("/new is of %v", e.ModTime)
			}
			for p, want := range map[string]string{
				"/new": "new\n", "/etc/old": "old\nmore\n", "/lib/c": "linked\nmore\n", "/lib/three": "one\n", "/d/moved": "moved\n",
				"/usr/renamed/b": "a\n", "/usr/renamed/link": "c\n", "/sbin/init": "own init\n", "/etc/mode": "mode\n",
			} {
				if got := text(t, &trees[0], p); got != want {
					t.Errorf("%s holds %q; want %q", p, got, want)
				}
			}
			if gone, come := difference(&trees[0], &trees[1]); gone != nil || !cmp.Equal(come, []string{"/tmp dir 1777 0:0 (ship.conf:2 worker pass)"}) {
				t.Errorf("a step that leaves nothing: gone %q, come %q", gone, come)
			}
			_, come = difference(&trees[1], &trees[2])
			want := []string{"/sbin dir 0755 0:0 (base)", "/sbin/init file 0755 0:0 12 (ship.conf:3 worker init)"}
			if diff := cmp.Diff(want, come); diff != "" {
				t.Errorf("another init (-want +got):\n%s", diff)
			}
		})
	}
}

var wantGone = []string{
	"/ dir 0755 0:0 t0 (base)",
	"/etc dir 0755 0:0 t0 (base)",
	"/etc/gone file 0644 0:0 5 t0 (base)",
	"/etc/gone.d dir 0755 0:0 t0 (base)",
	"/etc/gone.d/x file 0644 0:0 5 t0 (base)",
	"/etc/kind file 0644 0:0 5 t0 (base)",
	"/etc/mode file 0644 0:0 5 t0 (base)",
	"/etc/moved file 0644 0:0 6 t0 (base)",
	"/etc/old file 0644 0:0 4 t0 (base)",
	"/etc/owner file 0644 0:0 6 t0 (base)",
	"/etc/same file 0644 0:0 5 t0 (base)",
	"/lib dir 0755 0:0 t0 (base)",
	"/lib/a file 0644 0:0 7 t0 (base)",
	"/lib/b hardlink 0644 0:0 -> /lib/a t0 (base)",
	"/lib/one file 0644 0:0 4 t0 (base)",
	"/lib/three hardlink 0644 0:0 -> /lib/one t0 (base)",
	"/lib/two hardlink 0644 0:0 -> /lib/one t0 (base)",
	"/usr dir 0755 0:0 t0 (base)",
	"/usr/folder dir 0755 0:0 t0 (base)",
	"/usr/folder/a file 0644 0:0 2 t0 (base)",
	"/usr/folder/b hardlink 0644 0:0 -> /usr/folder/a t0 (base)",
	"/usr/folder/in dir 0755 0:0 t0 (base)",
	"/usr/folder/in/c file 0644 0:0 2 t0 (base)",
	"/usr/folder/link link 0777 0:0 -> in/c t0 (base)",
}

func wantCome(by string) []string {
	return []string{
		"/ dir 0755 0:0 (base)",
		"/d dir 1777 0:0 " + by,
		"/d/fifo fifo 0600 0:0 " + by,
		"/d/link link 0777 0:0 -> ../" + strings.Repeat("long/", 40) + " " + by,
		"/d/moved file 0644 0:0 6 t0 " + by,
		"/d/null char 0666 0:0 9,1 " + by,
		"/etc dir 0755 0:0 (base)",
		"/etc/kind dir 0755 0:0 " + by,
		"/etc/kind/file file 0600 0:0 0 " + by,
		"/etc/mode file 4755 0:0 5 t0 " + by,
		"/etc/old file 0644 0:0 9 " + by,
		"/etc/owner file 0644 7:8 6 t0 " + by,
		"/etc/same file 0644 0:0 5 " + by,
		"/lib dir 0755 0:0 (base)",
		"/lib/a file 0644 0:0 12 " + by,
		"/lib/b hardlink 0644 0:0 -> /lib/a " + by,
		"/lib/c hardlink 0644 0:0 -> /lib/a " + by,
		"/lib/three file 0644 0:0 4 t0 " + by,
		"/lib/two hardlink 0644 0:0 -> /lib/three t0 " + by,
		"/new file 0640 1000:100 4 " + by,
		"/usr dir 0700 0:0 " + by,
		"/usr/renamed dir 0755 0:0 t0 " + by,
		"/usr/renamed/a file 0644 0:0 2 t0 " + by,
		"/usr/renamed/b hardlink 0644 0:0 -> /usr/renamed/a t0 " + by,
		"/usr/renamed/in dir 0755 0:0 t0 " + by,
		"/usr/renamed/in/c file 0644 0:0 2 t0 " + by,
		"/usr/renamed/link link 0777 0:0 -> in/c t0 " + by,
	}
}

// capability is cap_net_bind_service+ep (capabilities(7), vfs_cap_data).
var capability = []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

// TestNode makes device nodes where the tree had none: on NetBSD they join
// the standard ones, on Linux /dev is the kernel's. There files have extended
// attributes, too, which are kept when something else changes.
func TestNode(t *testing.T) {
	for _, g := range guests {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			base := g.base(t)
			had := tree.NewFile("/etc/had", 0o644, nil, t0, "base")
			had.Xattrs = map[string][]byte{"security.capability": capability, "user.gone": []byte("x")}
			if err := base.Put(had); err != nil {
				t.Fatal(err)
			}
			trees := g.try(t, base, "worker node", "worker tell").succeed(t)
			_, come := difference(&base, &trees[1])
			want := []string{
				"/dev/null char 0666 0:0 2,2 (standard device node)",
				"/dev/own char 0640 0:0 9,1 (ship.conf:1 worker node)",
				"/dev/sub dir 0700 0:0 (ship.conf:1 worker node)",
				"/dev/sub/own block 0600 0:0 9,2 (ship.conf:1 worker node)",
			}
			if g.guest.OS == "linux" {
				hex := fmt.Sprintf("%x", capability)
				want := []string{
					"/etc/had file 0600 0:0 0 security.capability=" + hex + " t0 (ship.conf:1 worker node)",
					"/etc/old file 0644 0:0 4 security.capability=" + hex + " user.empty= t0 (ship.conf:1 worker node)",
					"/usr dir 0755 0:0 user.note=68656c6c6f t0 (ship.conf:1 worker node)",
				}
				if diff := cmp.Diff(want, come); diff != "" {
					t.Errorf("come (-want +got):\n%s", diff)
				}
				return
			}
			for _, w := range want {
				found := false
				for _, c := range come {
					// The times of devices are those of their use.
					found = found || strings.ReplaceAll(c, " t0", "") == w
				}
				if !found {
					t.Errorf("%q is not among %q", w, come)
				}
			}
		})
	}
}

// TestSurroundings looks at what a step is started with and at its output.
func TestSurroundings(t *testing.T) {
	for _, g := range guests {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			tr := g.try(t, g.base(t), "worker tell", "worker tell a", "worker print 10485760", "worker leave")
			r := tr.job.Steps[1].Run
			r.Env, r.User, r.Dir = []string{"A=b c", "PATH=/bin"}, "sailor", "/etc"
			var begun []int
			tr.job.Started = func(n int) { begun = append(begun, n) }
			trees := tr.succeed(t)
			const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/pkg/sbin:/usr/pkg/bin"
			out := tr.output.String()
			// What goes to the one stream may come before what goes to the other.
			if n := strings.Count(out, "an error\n"); n != 2 {
				t.Errorf("%d lines on standard error; want 2", n)
			}
			out = strings.ReplaceAll(out, "an error\n", "")
			want := "[]\n[" + fmt.Sprintf("%q %q %q", path, "HOME=/root", "USER=root") + "]\n/ 0:0 0 EOF\n" +
				`["a"]` + "\n[" + `"PATH=/bin" "HOME=/home/sailor" "USER=sailor" "A=b c"` + "]\n/etc 1000:100 0 EOF\n"
			rest, ok := strings.CutPrefix(out, want)
			if !ok {
				t.Errorf("printed %.600q; want %q first", out, want)
			}
			note := "note: the processes that it left running were ended\n"
			if len(rest) != 10<<20+len(note) || !strings.HasSuffix(rest, note) {
				t.Errorf("then %d bytes, last %q; want %d with the note", len(rest), rest[max(0, len(rest)-80):], 10<<20+len(note))
			}
			if diff := cmp.Diff([]int{0, 1, 2, 3}, begun); diff != "" {
				t.Errorf("begun (-want +got):\n%s", diff)
			}
			if _, ok := trees[3].Get("/lingered"); !ok {
				t.Error("what the process wrote that was left is not there")
			}
		})
	}
}

// TestFailures covers how steps fail: all ways on one guest, and those that are
// the system's on each.
func TestFailures(t *testing.T) {
	tests := []struct {
		step  string
		shell bool
		want  string // error
		code  int
	}{
		{"worker exit 3", false, "ship.conf:2: worker exit 3: exit code 3", 3},
		{"worker die", false, "ship.conf:2: worker die: killed by SIGKILL", 137},
		{"/bin/sh -c true", true, "ship.conf:2: /bin/sh -c true: no such program in the guest: /bin/sh: the ship has no shell", 127},
		{"nothing", false, "ship.conf:2: nothing: no such program in the guest: nothing", 127},
		{"/etc/kept", false, "ship.conf:2: /etc/kept: start /etc/kept: /etc/kept is not an executable file", 126},
	}
	for _, g := range guests {
		if g.guest != netbsdI386.guest {
			tests = tests[:2]
		}
		for _, tt := range tests {
			t.Run(g.name+"/"+tt.step, func(t *testing.T) {
				t.Parallel()
				tr := g.try(t, g.base(t), "worker pass", tt.step, "worker change")
				tr.job.Steps[1].Run.Shell = tt.shell
				err := tr.failed(t, 1)
				if err.Error() != tt.want || err.Code != tt.code {
					t.Errorf("error %q with code %d; want %q with %d", err, err.Code, tt.want, tt.code)
				}
			})
		}
	}
}

// TestReset has a step that ends its guest.
func TestReset(t *testing.T) {
	for _, g := range guests {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			err := g.try(t, g.base(t), "worker reset").failed(t, 0)
			if want := "the guest ended under it: rebooted"; err.Text != want {
				t.Errorf("error %v; want %q", err, want)
			}
		})
	}
}

// TestLimit has a step that does not end.
func TestLimit(t *testing.T) {
	for _, g := range guests {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			tr := g.try(t, g.base(t), "worker hang")
			tr.job.Limit = time.Second
			if err := tr.failed(t, 0); err.Text != "took longer than 1s" {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestCancel ends the context in the middle of a step.
func TestCancel(t *testing.T) {
	for _, g := range guests {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			tr := g.try(t, g.base(t), "worker pass", "worker hang")
			ctx, cancel := context.WithCancel(t.Context())
			tr.job.Output = cancelling(cancel)
			trees, err := tr.runner.Run(ctx, tr.job)
			if !errors.Is(err, context.Canceled) || len(trees) != 1 {
				t.Errorf("%d trees, error %v; want %v", len(trees), err, context.Canceled)
			}
			tr.checkDir(t)
		})
	}
}

// cancelling is a writer that ends a context.
type cancelling context.CancelFunc

func (c cancelling) Write(b []byte) (int, error) {
	c()
	return len(b), nil
}

// TestBig writes a file of 300 MB, and then fills the scratch space.
func TestBig(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	for _, g := range guests {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			tr := g.try(t, g.base(t), "worker big /big 300000000", "worker many /many 2000", "worker fill /fill")
			trees := tr.succeed(t)
			e, ok := trees[2].Get("/big")
			if !ok || e.Size != 300_000_000 {
				t.Errorf("/big has %d bytes", e.Size)
			}
			if n := len(trees[2].Below("/many")); n != 2001 {
				t.Errorf("%d entries of /many; want 2001", n)
			}
			if !strings.Contains(tr.output.String(), "no space left on device") {
				t.Errorf("printed %q", tr.output)
			}
		})
	}
}

// TestRefused covers jobs that no guest is booted for.
func TestRefused(t *testing.T) {
	r := &Runner{}
	step := []ship.Step{{File: "f", Line: 1, Text: "x", Run: &ship.Run{Args: []string{"x"}}}}
	noCommand := ship.Step{File: "f", Line: 3, Text: "COPY"}
	for _, tt := range []struct {
		name string
		job  build.Job
		want string
	}{
		{"no command", build.Job{Steps: append(step[:1:1], noCommand)}, "f:3: COPY: there is nothing to run"},
	} {
		if _, err := r.Run(t.Context(), tt.job); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v; want %q", tt.name, err, tt.want)
		}
	}
	if trees, err := r.Run(t.Context(), build.Job{}); trees != nil || err != nil {
		t.Errorf("no steps: %v, %v", trees, err)
	}
}
