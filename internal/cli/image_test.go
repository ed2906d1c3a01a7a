package cli

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/image/store"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// imageHome is a state folder with the images web:1 and web:2.
func imageHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	t.Setenv("FAKECRACKER_HOME", home)
	s := &store.Store{Dir: filepath.Join(home, "images")}
	t0 := time.Unix(1_000_000_000, 0).UTC()
	file := func(p, text, why string) tree.Entry { return tree.NewFile(p, 0o644, []byte(text), t0, why) }
	dir := func(p string) tree.Entry { return tree.Entry{Path: p, Type: tree.Dir, Mode: 0o755, ModTime: t0} }
	base := store.Layer{CreatedBy: "packages nginx", Entries: []tree.Entry{
		dir("/"), dir("/lib"), dir("/sbin"),
		file("/lib/libpcre2.so", strings.Repeat("p", 2000), "needed by /sbin/nginx"),
		file("/sbin/nginx", strings.Repeat("n", 5000), "package nginx 1.26.2"),
		file("/sbin/pw", "tool", "package pwtools 3"), file("/rc", "x", "ship.conf:9"),
	}}
	draft := store.Draft{
		Names: []string{"web:1"}, Guest: image.Guest{OS: "netbsd", Arch: "i386"}, Created: t0, Layers: []store.Layer{base},
		Packages: []store.Package{{Name: "nginx", Version: "1.26.2", Asked: `ship.conf:5  packages="nginx"`}, {Name: "pwtools", Version: "3", For: "nginx"}},
	}
	first, err := s.Create(context.Background(), draft)
	if err != nil {
		t.Fatal(err)
	}
	changed := file("/rc", "y", "ship.conf:9")
	changed.Mode = 0o755
	draft.Names, draft.Base = []string{"web:2", "web"}, first.ID
	draft.Layers = []store.Layer{
		{CreatedBy: "ENV A=\x1b[31mred", Empty: true},
		{CreatedBy: "COPY rc /", Removed: []string{"/sbin/pw"}, Entries: []tree.Entry{changed, file("/new", "new", "")}},
	}
	if _, err := s.Create(context.Background(), draft); err != nil {
		t.Fatal(err)
	}
	return home
}

func TestImageVerbs(t *testing.T) {
	imageHome(t)
	for _, tt := range []struct {
		args string
		want string
		code int
	}{
		{"image ls", `
NAME  TAG     GUEST        SIZE     CREATED     ID
web   1       netbsd/i386  SIZE     2001-09-09  IDIDIDIDIDID
web   2       netbsd/i386  SIZE     2001-09-09  IDIDIDIDIDID
web   latest  netbsd/i386  SIZE     2001-09-09  IDIDIDIDIDID
`, exitOK},
		{"image why web /lib/libpcre2.so", `
/lib/libpcre2.so (2.0 kB)
  needed by /sbin/nginx
  from package nginx-1.26.2
  asked for by ship.conf:5  packages="nginx"
`, exitOK},
		{"image why web:1 sbin/pw", `
/sbin/pw (4 bytes)
  from package pwtools-3
  needed by package nginx
  asked for by ship.conf:5  packages="nginx"
`, exitOK},
		{"image why web /new", "\n/new (3 bytes)\n  COPY rc /\n", exitOK},
		{"image why web /rc", "\n/rc (1 bytes)\n  ship.conf:9\n", exitOK},
		{"image du web", `
SIZE        FILES  WHAT
7.0 kB      2      package nginx 1.26.2
3 bytes     1      COPY rc /
1 bytes     1      ship.conf:9
7.0 kB      4      all
`, exitOK},
		{"image du --by layer web", `
SIZE     FILES  WHAT
7.0 kB   2      packages nginx
4 bytes  2      COPY rc /
7.0 kB   4      all
`, exitOK},
		{"image diff web:1 web:2", `
+ /new
! /rc: mode 0644 -> 0755, contents
- /sbin/pw
`, exitFailed},
		{"image diff web:2 web", "\n", exitOK},
		{"image history web", `
LAYER         SIZE     CREATED BY
IDIDIDIDIDID  SIZE     COPY rc /
-             -        ENV A=\x1b[31mred
IDIDIDIDIDID  SIZE     packages nginx
`, exitOK},
	} {
		t.Run(tt.args, func(t *testing.T) {
			out, errs, code := command(strings.Fields(tt.args)...)
			if code != tt.code || errs != "" {
				t.Errorf("exit code %d: %s", code, errs)
			}
			if diff := cmp.Diff(squeezed(tt.want), squeezed(hideIDs(out))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// hideIDs replaces what depends on the formats of files: IDs and, in what lists
// layers, their sizes.
func hideIDs(s string) string {
	s = regexp.MustCompile(`\b[0-9a-f]{12}\b`).ReplaceAllString(s, "IDIDIDIDIDID")
	if strings.Contains(s, "ID\n") || strings.Contains(s, "LAYER") {
		s = regexp.MustCompile(`[0-9.]+ (kB|bytes)`).ReplaceAllString(s, "SIZE")
	}
	return s
}

// squeezed makes runs of spaces one.
func squeezed(s string) string {
	var lines []string
	for l := range strings.Lines(strings.TrimSpace(s)) {
		lines = append(lines, strings.Join(strings.Fields(l), " "))
	}
	return strings.Join(lines, "\n")
}

func TestImageChanges(t *testing.T) {
	imageHome(t)
	run := func(args ...string) string {
		t.Helper()
		out, errs, code := command(args...)
		if code != exitOK {
			t.Fatalf("%v: exit code %d: %s", args, code, errs)
		}
		return out
	}
	run("image", "tag", "web:1", "old")
	archive := filepath.Join(t.TempDir(), "web.tar")
	run("save", "-o", archive, "old", "web:2")
	before := run("image", "inspect", "web:2")
	run("image", "rm", "old", "web:1", "web:2", "web")
	if out := run("image", "ls", "-q"); out != "" {
		t.Errorf("left: %s", out)
	}
	if out := run("load", archive); strings.Count(out, "\n") != 2 || !strings.Contains(out, "old:latest") {
		t.Errorf("load says: %s", out)
	}
	var was, is store.Info
	if err := json.Unmarshal([]byte(before), &was); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(run("image", "inspect", "web:2")), &is); err != nil {
		t.Fatal(err)
	}
	was.Names = []string{"web:2"}
	if diff := cmp.Diff(was, is); diff != "" {
		t.Errorf("before and after (-want +got):\n%s", diff)
	}
	if out := run("image", "prune"); out != "removed 0 images and 0 layers, 0 bytes\n" {
		t.Errorf("prune says: %s", out)
	}
}

func TestSaveAndLoadDisk(t *testing.T) {
	imageHome(t)
	archive := filepath.Join(t.TempDir(), "web.tar")
	_, errs, code := command("save", "--format", "smolbsd", "-o", archive, "web")
	if code != exitOK || !strings.Contains(errs, "/sbin/init") {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	if _, errs, code = command("load", "-t", "again", archive); code != exitOK {
		t.Fatal(errs)
	}
	if out, errs, code := command("image", "diff", "--no-times", "web", "again"); code != exitOK && strings.Contains(out, "/sbin/nginx") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}

func TestImageErrors(t *testing.T) {
	imageHome(t)
	broken := filepath.Join(t.TempDir(), "broken.tar")
	if err := os.WriteFile(broken, []byte("no archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"image inspect wbe:1", exitFailed, `did you mean "web:1"?`},
		{"image why web /sbin/ngimx", exitFailed, "did you mean /sbin/nginx?"},
		{"image diff web none", exitUsage, "no such image"},
		{"image du --by weight web", exitUsage, "want package, layer or reason"},
		{"image rm", exitUsage, "takes a name"},
		{"image lss", exitUsage, `did you mean "ls"?`},
		{"save --format tar web", exitUsage, "oci or smolbsd"},
		{"save --gzip --format smolbsd web", exitUsage, "no layers"},
		{"save -o /nowhere/x none", exitFailed, ""},
		{"load " + broken, exitFailed, "load " + broken},
		{"load --guest vax -", exitUsage, "--guest"},
		{"pull Big", exitFailed, "image name"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			_, errs, code := command(strings.Fields(tt.args)...)
			if code != tt.code || !strings.Contains(errs, tt.want) || strings.Count(errs, "\n") != 1 {
				t.Errorf("exit code %d: %s; want %d and one line with %q", code, errs, tt.code, tt.want)
			}
		})
	}
}
