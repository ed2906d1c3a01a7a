package tree

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

var t0 = time.Unix(1e9, 5).UTC()

// fill makes a tree of lines "path", a folder when it ends in "/", with
// "=text" a file, with "->target" a symbolic link, with "=>path" a hard link.
func fill(t testing.TB, lines ...string) Tree {
	t.Helper()
	var tr Tree
	for _, l := range lines {
		e := Entry{Mode: 0o755, ModTime: t0, Why: "test"}
		if p, target, ok := strings.Cut(l, "=>"); ok {
			e.Path, e.Type, e.Link = p, Hardlink, target
		} else if p, target, ok := strings.Cut(l, "->"); ok {
			e.Path, e.Type, e.Link = p, Symlink, target
		} else if p, text, ok := strings.Cut(l, "="); ok {
			e = NewFile(p, 0o644, []byte(text), t0, "test")
		} else {
			e.Path, e.Type = strings.TrimSuffix(l, "/"), Dir
		}
		if err := tr.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	return tr
}

// lines is the other way round.
func lines(tr Tree) []string {
	var all []string
	for _, e := range tr.All() {
		switch e.Type {
		case Dir:
			all = append(all, e.Path+"/")
		case Symlink:
			all = append(all, e.Path+"->"+e.Link)
		case Hardlink:
			all = append(all, e.Path+"=>"+e.Link)
		default:
			all = append(all, e.Path+"="+string(e.Content.Data))
		}
	}
	return all
}

func TestPutRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		have Tree
		path string
		want string
	}{
		{"relative", Tree{}, "x", "not a clean absolute path"},
		{"not clean", Tree{}, "/a/../b", "not a clean absolute path"},
		{"empty", Tree{}, "", "not a clean absolute path"},
		{"zero byte", Tree{}, "/a\x00b", "not a clean absolute path"},
		{"below a file", fill(t, "/a=1"), "/a/b", "/a is a file, not a folder (test)"},
		{"below a link", fill(t, "/a->b"), "/a/b/c", "/a is a link, not a folder (test)"},
		{"over a full folder", fill(t, "/a/", "/a/b=1"), "/a", "a folder with files is in its place (test)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := lines(tt.have)
			err := tt.have.Put(Entry{Path: tt.path, Type: File})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Put = %v; want %q", err, tt.want)
			}
			if diff := cmp.Diff(before, lines(tt.have)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHardLinksOutliveTheirFile(t *testing.T) {
	start := []string{"/a=1", "/b=>/a", "/c=>/a"}
	for _, tt := range []struct {
		name   string
		change func(*Tree) error
		want   []string
	}{
		{"remove", func(tr *Tree) error { tr.Remove("/a"); return nil }, []string{"/b=1", "/c=>/b"}},
		{"replace", func(tr *Tree) error { return tr.Put(NewFile("/a", 0o644, []byte("2"), t0, "")) }, []string{"/a=2", "/b=1", "/c=>/b"}},
		{"replace by a link", func(tr *Tree) error { return tr.Put(Entry{Path: "/a", Type: Symlink, Link: "b"}) }, []string{"/a->b", "/b=1", "/c=>/b"}},
		{"same bytes", func(tr *Tree) error { return tr.Put(NewFile("/a", 0o600, []byte("1"), t0, "")) }, start},
		{"remove a name", func(tr *Tree) error { tr.Remove("/b"); return nil }, []string{"/a=1", "/c=>/a"}},
		{"remove all", func(tr *Tree) error { tr.Remove("/"); return nil }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := fill(t, start...)
			if err := tt.change(&tr); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, lines(tr)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRewrite(t *testing.T) {
	var tr Tree
	for _, e := range []Entry{NewFile("/a", 0o644, []byte("old"), t0, "x"), {Path: "/b", Type: Hardlink, Link: "/a"}} {
		if err := tr.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := tr.Rewrite(NewFile("/a", 0o600, []byte("new"), t0, "x")); err != nil {
		t.Fatal(err)
	}
	if b, err := tr.ReadFile("/b", 10); string(b) != "new" || err != nil {
		t.Errorf("the other name has %q, %v; want what was written", b, err)
	}
	for _, p := range []string{"/b", "/none"} {
		if err := tr.Rewrite(NewFile(p, 0o600, nil, t0, "x")); err == nil {
			t.Errorf("Rewrite of %s, which is no file, did not fail", p)
		}
	}
}

func TestResolve(t *testing.T) {
	tr := fill(t, "/usr/", "/usr/bin/", "/usr/bin/vi=1", "/bin->usr/bin", "/abs->/bin/vi", "/up->../../../usr", "/loop->loop", "/a->b", "/b->a", "/dangling->gone/x")
	for _, tt := range []struct{ path, all, parent string }{
		{"/", "/", "/"},
		{"/usr/bin/vi", "/usr/bin/vi", "/usr/bin/vi"},
		{"/bin/vi", "/usr/bin/vi", "/usr/bin/vi"},
		{"/bin", "/usr/bin", "/bin"},
		{"/abs", "/usr/bin/vi", "/abs"},
		{"/up/bin/../bin/vi", "/usr/bin/vi", "/usr/bin/vi"},
		{"/bin/../lib", "/usr/lib", "/usr/lib"},
		{"/dangling", "/gone/x", "/dangling"},
		{"/none/x", "/none/x", "/none/x"},
		{"/loop", "", "/loop"},
		{"/a/x", "", ""},
	} {
		all, errA := tr.Resolve(tt.path)
		parent, errP := tr.ResolveParent(tt.path)
		if all != tt.all || parent != tt.parent || (errA != nil) != (tt.all == "") || (errP != nil) != (tt.parent == "") {
			t.Errorf("%s: %q, %v and %q, %v; want %q and %q", tt.path, all, errA, parent, errP, tt.all, tt.parent)
		}
	}
	if _, err := tr.Lookup("/dangling"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Lookup = %v; want %v", err, fs.ErrNotExist)
	}
}

func TestMerge(t *testing.T) {
	for _, tt := range []struct {
		name       string
		have, over []string
		keep       bool
		want       []string
	}{
		{"over", []string{"/a=1", "/b=1"}, []string{"/a=2", "/c=2"}, false, []string{"/a=2", "/b=1", "/c=2"}},
		{"keep", []string{"/a=1", "/b=1"}, []string{"/a=2", "/c=2"}, true, []string{"/a=1", "/b=1", "/c=2"}},
		{"through a link", []string{"/usr/", "/usr/bin/", "/bin->usr/bin"}, []string{"/bin/", "/bin/x=2"}, false, []string{"/bin->usr/bin", "/usr/", "/usr/bin/", "/usr/bin/x=2"}},
		{"file over link", []string{"/a=1", "/l->a"}, []string{"/l=2"}, false, []string{"/a=1", "/l=2"}},
		{"link over file", []string{"/a=1"}, []string{"/a->b"}, false, []string{"/a->b"}},
		{"hard links", nil, []string{"/a=2", "/b=>/a"}, false, []string{"/a=2", "/b=>/a"}},
		{"hard links through a link", []string{"/usr/", "/bin->usr"}, []string{"/bin/", "/bin/a=2", "/bin/b=>/bin/a"}, false, []string{"/bin->usr", "/usr/", "/usr/a=2", "/usr/b=>/usr/a"}},
		{"hard links to what is kept", []string{"/a=1"}, []string{"/a=2", "/b=>/a", "/c=>/a"}, true, []string{"/a=1", "/b=2", "/c=>/b"}},
		{"over a file with names", []string{"/a=1", "/b=>/a"}, []string{"/a=2"}, false, []string{"/a=2", "/b=1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := fill(t, tt.have...)
			if err := tr.Merge(fill(t, tt.over...), tt.keep); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, lines(tr)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMergeKeepsModesOfFolders(t *testing.T) {
	var tr Tree
	if err := tr.Put(Entry{Path: "/tmp", Type: Dir, Mode: 0o1777}); err != nil {
		t.Fatal(err)
	}
	if err := tr.Merge(fill(t, "/tmp/", "/tmp/x=1"), false); err != nil {
		t.Fatal(err)
	}
	if e, _ := tr.Get("/tmp"); e.Mode != 0o1777 {
		t.Errorf("/tmp has mode %o", e.Mode)
	}
}

func TestFromDir(t *testing.T) {
	dir := t.TempDir()
	p := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.Mkdir(p("d"), 0o700), os.WriteFile(p("d/file"), []byte("bytes"), 0o640), os.Link(p("d/file"), p("d/other")),
		os.Symlink("/nowhere", p("link")), os.Chmod(p("d/file"), 0o640|fs.ModeSetgid), os.Chtimes(p("d/file"), t0, t0),
		os.Symlink(dir, p("d/self")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	tr, err := FromDir(t.Context(), dir, DirOptions{At: "/opt", Why: "overlay x"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range tr.All() {
		got = append(got, fmt.Sprintf("%s %s %04o %d %s", e.Path, e.Type, e.Mode, e.UID, strings.Replace(e.Link, dir, "DIR", 1)))
	}
	want := []string{
		"/opt dir 0755 0 ", "/opt/d dir 0700 0 ", "/opt/d/file file 2640 0 ", "/opt/d/other hardlink 2640 0 /opt/d/file",
		"/opt/d/self link 0777 0 DIR", "/opt/link link 0777 0 /nowhere",
	}
	if diff := cmp.Diff(want[1:], got[1:]); diff != "" {
		t.Error(diff)
	}
	e, _ := tr.Get("/opt/d/file")
	b, err := tr.ReadFile("/opt/d/other", 5)
	if string(b) != "bytes" || err != nil || !e.ModTime.Equal(t0) || e.Why != "overlay x" {
		t.Errorf("%+v: %q, %v", e, b, err)
	}
	if _, err := tr.ReadFile("/opt/d/file", 4); err == nil {
		t.Error("a file longer than the limit is read")
	}
}

func TestFromDirRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "special"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "special", "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	// As when it takes the place of a file that was just looked at.
	if _, _, err := digestHost(filepath.Join(dir, "special", "fifo")); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("digestHost of a FIFO = %v; want an error", err)
	}
	for _, tt := range []struct{ path, want string }{
		{filepath.Join(dir, "none"), "no such file"},
		{filepath.Join(dir, "file"), "it is not a folder"},
		{filepath.Join(dir, "special"), "neither a file, a folder nor a symbolic link"},
	} {
		if _, err := FromDir(t.Context(), tt.path, DirOptions{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("FromDir(%s) = %v; want %q", tt.path, err, tt.want)
		}
	}
}

func TestOpen(t *testing.T) {
	host := filepath.Join(t.TempDir(), "many")
	if err := os.WriteFile(host, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		e    Entry
		want string
		err  string
	}{
		{"data", Entry{Type: File, Size: 2, Content: Content{Data: []byte("ab")}}, "ab", ""},
		{"empty", Entry{Type: File}, "", ""},
		{"range", Entry{Type: File, Size: 3, Content: Content{Host: host, Offset: 4}}, "456", ""},
		{"too short", Entry{Type: File, Size: 3, Content: Content{Host: host, Offset: 8}}, "", "is 10 bytes long, 11 are wanted"},
		{"gone", Entry{Type: File, Size: 3, Content: Content{Host: host + "x"}}, "", "no such file"},
		{"folder", Entry{Type: Dir}, "", "not a file"},
		{"no bytes", Entry{Type: File, Size: 3}, "", "0 bytes are at hand of 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := tt.e.Open()
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("Open = %v; want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil || string(b) != tt.want {
				t.Errorf("read %q, %v; want %q", b, err, tt.want)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	var tr Tree
	put := func(p string, mode uint32, s elfSpec) {
		t.Helper()
		if err := tr.Put(NewFile(p, mode, makeELF(t, s), t0, "test")); err != nil {
			t.Fatal(err)
		}
	}
	put("/bin/ok", 0o755, elfSpec{typ: elf.ET_DYN, interp: "/lib64/ld.so", needed: []string{"liba.so.1", "libown.so", "/opt/x/libabs.so"}, runpath: "$ORIGIN/../opt/own"})
	put("/bin/bad", 0o755, elfSpec{typ: elf.ET_DYN, interp: "/lib/ld-musl.so", needed: []string{"liba.so.1", "libnone.so", "libhid.so"}})
	put("/bin/bsd", 0o755, elfSpec{typ: elf.ET_DYN, note: "NetBSD", needed: []string{"liba.so.1"}})
	put("/bin/data", 0o644, elfSpec{typ: elf.ET_DYN, needed: []string{"libdata.so"}})
	put("/usr/lib/x86_64-linux-gnu/liba.so.1.2", 0o644, elfSpec{typ: elf.ET_DYN, needed: []string{"libown.so"}})
	for _, p := range []string{"/usr/lib64/ld.so", "/opt/own/libown.so", "/opt/x/libabs.so", "/opt/hid/libhid.so"} {
		put(p, 0o644, elfSpec{typ: elf.ET_DYN})
	}
	for _, l := range [][2]string{{"/lib64", "usr/lib64"}, {"/lib", "usr/lib"}, {"/usr/lib/x86_64-linux-gnu/liba.so.1", "liba.so.1.2"}} {
		if err := tr.Put(Entry{Path: l[0], Type: Symlink, Link: l[1]}); err != nil {
			t.Fatal(err)
		}
	}
	missing, err := tr.Missing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range missing {
		got = append(got, p.String())
	}
	want := []string{
		"/bin/bad needs /lib/ld-musl.so, which is not in the tree (test)",
		"/bin/bad needs libnone.so, which is not in the tree (test)",
		"/bin/bad needs libhid.so, which is at /opt/hid/libhid.so, where the loader doesn't look (test)",
		"/bin/bsd needs liba.so.1, which is at /usr/lib/x86_64-linux-gnu/liba.so.1, where the loader doesn't look (test)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestJSONAndDigest(t *testing.T) {
	tr := fill(t, "/d/", "/d/a=1", "/d/b=>/d/a", "/l->d")
	b, err := json.Marshal(tr)
	if err != nil {
		t.Fatal(err)
	}
	var back Tree
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tr.All(), back.All()); diff != "" {
		t.Error(diff)
	}
	one, err1 := tr.Digest()
	other := fill(t, "/d/", "/d/a=2", "/d/b=>/d/a", "/l->d")
	two, err2 := back.Digest()
	three, err3 := other.Digest()
	if one != two || one == three || errors.Join(err1, err2, err3) != nil {
		t.Errorf("digests %s, %s, %s, %v", one, two, three, errors.Join(err1, err2, err3))
	}
	back.Remove("/d/a")
	if got := lines(back); got[1] != "/d/b=1" {
		t.Errorf("after removal: %v", got)
	}
	if err := other.Put(Entry{Path: "/x", Type: File}); err != nil {
		t.Fatal(err)
	}
	if d, err := other.Digest(); err == nil {
		t.Errorf("a file without a digest: %s", d)
	}
}

func TestMakeParents(t *testing.T) {
	var tr Tree
	if err := tr.Put(NewFile("/a/b/c", 0o644, nil, t0, "")); err != nil {
		t.Fatal(err)
	}
	tr.MakeParents(t0)
	if diff := cmp.Diff([]string{"/", "/a", "/a/b", "/a/b/c"}, pathsOf(tr.All())); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"/a/b", "/a/b/c"}, pathsOf(tr.Below("/a/b"))); diff != "" {
		t.Error(diff)
	}
}

func pathsOf(all []Entry) []string {
	var p []string
	for _, e := range all {
		p = append(p, e.Path)
	}
	return p
}
