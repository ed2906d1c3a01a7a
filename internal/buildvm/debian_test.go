package buildvm

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// TestShell runs commands in Debian's own shell, with its own tools.
func TestShell(t *testing.T) {
	g := linuxAMD64
	g.kernel(t)
	base, _, err := packages().Packages(t.Context(), []string{"coreutils"})
	if err != nil {
		t.Skip(err)
	}
	tr := g.try(t, base)
	for i, text := range []string{
		"set -e; mkdir /srv/a; echo hello >/srv/a/b; ln -s b /srv/a/c; cp -a /srv/a /srv/d; chown 33:33 /srv/d/b",
		"mv /usr/share/base-files /usr/share/papers && cat /proc/self/comm /etc/hostname /etc/resolv.conf 2>/dev/null; test -c /dev/null",
		"rm -rf /srv/a; echo gone | tee /run/note /var/note >/dev/null; exit 4",
	} {
		tr.job.Steps = append(tr.job.Steps, ship.Step{
			File: "Dockerfile", Line: i + 1, Text: "RUN " + text,
			Run: &ship.Run{Args: []string{"/bin/sh", "-c", text}, Shell: true},
		})
	}
	trees, err := tr.run(t)
	if want := ": exit code 4"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Fatalf("error %v; want %q", err, want)
	}
	if len(trees) != 2 {
		t.Fatalf("%d trees; want 2", len(trees))
	}
	verify(t, &trees[1])
	gone, come := difference(&base, &trees[0])
	by := " (" + "Dockerfile:1 " + tr.job.Steps[0].Text + ")"
	want := []string{
		"/srv/a dir 0755 0:0" + by, "/srv/a/b file 0644 0:0 6" + by, "/srv/a/c link 0777 0:0 -> b" + by,
		"/srv/d dir 0755 0:0" + by, "/srv/d/b file 0644 33:33 6" + by, "/srv/d/c link 0777 0:0 -> b" + by,
	}
	if diff := cmp.Diff(want, come); diff != "" || gone != nil {
		t.Errorf("gone %q, come (-want +got):\n%s", gone, diff)
	}
	if got, want := tr.output.String(), "cat\n"; got != want {
		t.Errorf("printed %q; want %q", got, want)
	}
	moved(t, &trees[0], &trees[1])
	for p, since := range map[string]*tree.Tree{"/srv": &base, "/usr": &base} {
		was, _ := since.Get(p)
		is, ok := trees[1].Get(p)
		if !ok || is.Why != was.Why || is.ModTime.After(time.Now().Add(time.Minute)) {
			t.Errorf("%s: %+v; was %+v", p, is, was)
		}
	}
}

// moved checks that /usr/share/base-files is /usr/share/papers now, bytes unmoved.
func moved(t *testing.T, before, after *tree.Tree) {
	t.Helper()
	old := before.Below("/usr/share/base-files")
	if len(old) < 2 || len(after.Below("/usr/share/base-files")) != 0 {
		t.Errorf("of %d entries of the folder, %d are still there", len(old), len(after.Below("/usr/share/base-files")))
	}
	for _, was := range old {
		is, _ := after.Get(strings.Replace(was.Path, "/base-files", "/papers", 1))
		if is.Type != was.Type || is.Digest != was.Digest || is.Content.Host != was.Content.Host || is.Content.Offset != was.Content.Offset {
			t.Errorf("%+v became %+v", was, is)
		}
	}
}
