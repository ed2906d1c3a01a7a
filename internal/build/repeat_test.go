package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// TestAChangeRedoesWhatFollows changes one file of a build of several steps at
// a time, and looks which of them a guest carries out again.
func TestAChangeRedoesWhatFollows(t *testing.T) {
	const def = "FROM scratch\nCOPY base /\nRUN make /1\nCOPY early /early\nRUN make /2\nCOPY late /late\nRUN make /3\nCOPY last /last\n"
	guest := &editor{t: t}
	o := Options{Guest: linux, Cache: t.TempDir(), Runner: guest}
	dir := t.TempDir()
	change := func(name, text string) {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dockerfile(t, dir, def, "base/in=i", "base/bin/sh="+program(t, linux), "early=1", "late=1", "last=1", ".dockerignore=Dockerfile\n.dockerignore\nnotes\n")
	for _, tt := range []struct {
		name string
		do   func()
		want string // the steps that were run
	}{
		{"at first", func() {}, "make /1 make /2 make /3"},
		{"nothing", func() {}, ""},
		{"what no step copies", func() { change("notes", "n") }, ""},
		{"what comes after all steps", func() { change("last", "2") }, ""},
		{"what comes before the last", func() { change("late", "2") }, "make /3"},
		{"what comes before the second", func() { change("early", "2") }, "make /2 make /3"},
		{"what all begin with", func() { change("base/in", "j") }, "make /1 make /2 make /3"},
		{"and back", func() { change("base/in", "i") }, "make /1 make /2 make /3"}, // it has another time
	} {
		tt.do()
		guest.jobs = nil
		img, _, err := Build(t.Context(), dockerfile(t, dir, def), o)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		var ran []string
		for _, j := range guest.jobs {
			ran = append(ran, j...)
		}
		if got := strings.Join(ran, " "); got != tt.want {
			t.Errorf("%s changed: %q was run; want %q", tt.name, got, tt.want)
		}
		for _, name := range []string{"early", "late", "last"} {
			want, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := img.Tree.ReadFile("/"+name, 100); err != nil || string(got) != string(want) {
				t.Errorf("%s changed: /%s is %q, %v", tt.name, name, got, err)
			}
		}
	}
}

// TestSameDigestAnywhere builds one ship from two checkouts of other times, at
// one fixed time.
func TestSameDigestAnywhere(t *testing.T) {
	var digests []string
	for n := range 2 {
		dir := t.TempDir()
		s := dockerfile(t, dir, "FROM scratch\nCOPY a d /x/\nRUN printf 'y\\n' > /y\nADD a.tar /t/\n", "a=A", "d/b=B", "a.tar="+string(archived(t, "f")))
		when := time.Now().Add(-time.Duration(n) * 100 * time.Hour)
		for _, p := range []string{"a", "d/b", "d", "a.tar", "."} {
			if err := os.Chtimes(filepath.Join(dir, p), when, when); err != nil {
				t.Fatal(err)
			}
		}
		img, r, err := Build(t.Context(), s, Options{Guest: linux, Cache: t.TempDir(), FixedTimes: true, Time: time.Unix(1700000000, 0)})
		if err != nil {
			t.Fatal(err)
		}
		d, err := img.Tree.Digest()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range r.Layers {
			d += fmt.Sprintf("\n%s: %d %q", l.Text, len(l.Entries), l.Removed)
		}
		digests = append(digests, d)
	}
	if diff := cmp.Diff(digests[0], digests[1]); diff != "" {
		t.Error(diff)
	}
}

// TestCopySpecialNames has names that mean something to shells, patterns and
// Dockerfiles.
func TestCopySpecialNames(t *testing.T) {
	for _, tt := range []struct{ name, do, want string }{
		{"a space", `COPY ["a b", "/x/"]`, "/x/a b"},
		{"a dash", "COPY ./-- /x/", "/x/--"},
		{"a dot before it", "COPY .hidden /x/", "/x/.hidden"},
		{"other letters", "COPY naïve-文 /x/", "/x/naïve-文"},
		{"a bracket, as docker wants it", `COPY [[]x] /x/`, "/x/[x]"},
		{"a quote", `COPY "it's" /x/`, "/x/it's"},
		{"a hash", `COPY a#b /x/`, "/x/a#b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := dockerfile(t, t.TempDir(), "FROM scratch\n"+tt.do, "a b=1", "--=1", ".hidden=1", "naïve-文=1", "[x]=1", "it's=1", "a#b=1")
			img, r, err := Build(t.Context(), s, Options{Guest: linux})
			if err != nil {
				t.Fatal(err)
			}
			if e, ok := img.Tree.Get(tt.want); !ok || e.Type != tree.File {
				t.Errorf("there is no %s, but %q", tt.want, brought(t, img))
			}
			layersMake(t, img, r, tree.Tree{})
		})
	}
}

// TestCopyFromImage copies from an image that isn't a stage.
func TestCopyFromImage(t *testing.T) {
	var files tree.Tree
	e := tree.NewFile("/bin/tool", 0o4755, []byte("T"), epochOf, "package tool 1")
	e.UID, e.GID = 5, 6
	putAll(t, &files, tree.Entry{Path: "/bin", Type: tree.Dir, Mode: 0o711}, e)
	o := Options{Guest: linux, Images: func(_ context.Context, ref string, g image.Guest) (image.Image, string, error) {
		if ref != "tools" {
			return image.Image{}, "", fmt.Errorf("image %s: not found", ref)
		}
		return image.Image{Guest: g, Tree: files}, "sha256:1", nil
	}}
	img, r, err := Build(t.Context(), dockerfile(t, t.TempDir(), "FROM scratch\nCOPY --from=tools /bin/tool /x\nCOPY --from=tools --chown=7:8 --chmod=500 /bin /b/"), o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/b/ 0755 7:8", "/b/tool 0500 7:8 T", "/x 4755 5:6 T"}, brought(t, img)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Base{{Ref: "tools", ID: "sha256:1"}}, r.Bases); diff != "" {
		t.Error(diff)
	}
	_, _, err = Build(t.Context(), dockerfile(t, t.TempDir(), "FROM scratch\nCOPY --from=other /x /x"), o)
	if err == nil || !strings.Contains(err.Error(), "Dockerfile:2: COPY --from=other /x /x: image other: not found") {
		t.Errorf("Build = %v", err)
	}
}
