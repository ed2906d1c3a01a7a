package netbsd_test

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/fakecracker/fakecracker/internal/source/hostdir"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// stock is what each catalog of TestCatalogs has.
func stock(t testing.TB) []member {
	sh := program(t, "/libexec/ld.elf_so", "$ORIGIN/../lib", "libedit.so.3", "libc.so.12")
	return []member{
		dir("/"), dir("/bin"), file("/bin/sh", 0o555, sh), file("/bin/[", 0o4555, []byte("test")),
		hardlink("/bin/test", "/bin/["), hardlink("/bin/zero", "/bin/test"),
		file("/bin-list", 0o644, []byte("sh\n")), dir("/etc"), file("/etc/rc", 0o644, []byte("#! /bin/sh -e\nexit\n")),
		file("/etc/empty", 0o600, nil), file("/etc/odd", 0o755, []byte(strings.Repeat("\x7fELF", 20))),
		dir("/lib"), symlink("/lib/libc.so.12", "libc.so.12.221"), file("/lib/libc.so.12.221", 0o444, program(t, "", "")),
		symlink("/lib64", "/lib"), symlink("/out", "../../../etc"),
		{tar.Header{Typeflag: tar.TypeFifo, Name: "./pipe", Mode: 0o600}, nil},
	}
}

// sets makes a catalog of sets from the stock.
func sets(t *testing.T) tree.Catalog {
	m := newMirror(t, map[string][]byte{"base.tgz": tgz(t, tarOf(t, stock(t)...))})
	return open(t, newSource(t, m), "base")
}

// onHost makes a catalog of a folder from the stock.
func onHost(t *testing.T) tree.Catalog {
	root := t.TempDir()
	for _, m := range stock(t) {
		if err := m.make(filepath.Join(root, m.Name), filepath.Join(root, m.Linkname)); err != nil {
			t.Fatal(err)
		}
	}
	f, err := hostdir.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// TestCatalogs holds each catalog to what tree.Catalog says.
func TestCatalogs(t *testing.T) {
	for name, make := range map[string]func(t *testing.T) tree.Catalog{"sets": sets, "folder": onHost} {
		for test, run := range map[string]func(t *testing.T, c tree.Catalog){
			"stat": testStat, "needs": testNeeds, "below": testBelow, "get": testGet, "missing": testMissing,
			"context": testContext, "links": testLinks, "gather": testGather,
		} {
			t.Run(name+"/"+test, func(t *testing.T) { run(t, make(t)) })
		}
	}
}

func testStat(t *testing.T, c tree.Catalog) {
	for p, want := range map[string]tree.Entry{
		"/":               {Type: tree.Dir, Mode: 0o755},
		"/bin":            {Type: tree.Dir, Mode: 0o755},
		"/bin/[":          {Type: tree.File, Mode: 0o4555, Size: 4},
		"/bin/test":       {Type: tree.File, Mode: 0o4555, Size: 4},
		"/bin/zero":       {Type: tree.File, Mode: 0o4555, Size: 4},
		"/etc/empty":      {Type: tree.File, Mode: 0o600},
		"/lib64":          {Type: tree.Symlink, Link: "/lib"},
		"/out":            {Type: tree.Symlink, Link: "../../../etc"},
		"/pipe":           {Type: tree.FIFO, Mode: 0o600},
		"/etc/rc":         {Type: tree.File, Mode: 0o644, Size: 19},
		"/lib/libc.so.12": {Type: tree.Symlink, Link: "libc.so.12.221"},
	} {
		got, err := c.Stat(t.Context(), p)
		if err != nil {
			t.Errorf("Stat(%s): %v", p, err)
			continue
		}
		if got.Why == "" || !got.ModTime.Equal(t0) && p != "/" && got.Type != tree.Symlink && got.Type != tree.Dir {
			t.Errorf("Stat(%s): why %q, time %s", p, got.Why, got.ModTime)
		}
		if want.Path = p; diff(want, got) != "" {
			t.Errorf("Stat(%s): %s", p, diff(want, got))
		}
	}
}

// diff compares what does not depend on where an entry is from.
func diff(want, got tree.Entry) string {
	plain := func(e tree.Entry) tree.Entry {
		e.ModTime, e.Why, e.Digest, e.Content = t0, "", "", tree.Content{}
		if e.Type == tree.Symlink || e.Type == tree.Hardlink {
			e.Mode = 0
		}
		return e
	}
	return cmp.Diff(plain(want), plain(got))
}

func testNeeds(t *testing.T, c tree.Catalog) {
	for p, want := range map[string]tree.Needs{
		"/bin/sh": {ELF: &tree.ELF{
			OS: "netbsd", Arch: "amd64", Program: true, Interp: "/libexec/ld.elf_so",
			Needed: []string{"libedit.so.3", "libc.so.12"}, RunPath: []string{"$ORIGIN/../lib"},
		}},
		"/etc/rc": {Script: "/bin/sh"}, "/bin/[": {}, "/bin/test": {}, "/etc/empty": {}, "/etc": {}, "/lib64": {},
	} {
		got, err := c.Needs(t.Context(), p)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("Needs(%s): %v\n%s", p, err, d)
		}
	}
	if n, err := c.Needs(t.Context(), "/etc/odd"); err == nil {
		t.Errorf("the needs of damaged headers are %v", n)
	}
}

func testBelow(t *testing.T, c tree.Catalog) {
	for p, want := range map[string]string{
		"/":        "/ /bin /bin-list /bin/[ /bin/sh /bin/test=/bin/[ /bin/zero=/bin/[ /etc /etc/empty /etc/odd /etc/rc /lib /lib/libc.so.12 /lib/libc.so.12.221 /lib64 /out /pipe",
		"/bin":     "/bin /bin/[ /bin/sh /bin/test=/bin/[ /bin/zero=/bin/[",
		"/etc/rc":  "/etc/rc",
		"/lib64":   "/lib64",
		"/bin/tes": "", "/none": "", "/lib64/libc.so.12": "", "/etc/rc/x": "",
	} {
		all, err := c.Below(t.Context(), p)
		if got := names(all); got != want || err != nil {
			t.Errorf("Below(%s): %v\n got %s\nwant %s", p, err, got, want)
		}
	}
}

// names lists entries, hard links with what they name.
func names(all []tree.Entry) string {
	var words []string
	for _, e := range all {
		w := e.Path
		if e.Type == tree.Hardlink {
			w += "=" + e.Link
		}
		words = append(words, w)
	}
	return strings.Join(words, " ")
}

func testGet(t *testing.T, c tree.Catalog) {
	contents := map[string]string{"/bin/[": "test", "/bin/test": "test", "/etc/rc": "#! /bin/sh -e\nexit\n", "/etc/empty": ""}
	var held []tree.Entry
	for _, tt := range [][2]string{
		{"/etc/rc", "/etc/rc"},
		{"/etc/rc /etc /lib64 /etc/empty", "/etc/rc /etc /lib64 /etc/empty"},
		{"/bin/test", "/bin/test"},
		{"/bin/test /bin/test", "/bin/test /bin/test"},
		{"/bin/zero /bin/[ /bin/test", "/bin/zero /bin/[=/bin/zero /bin/test=/bin/zero"},
		{"", ""},
	} {
		all, err := c.Get(t.Context(), strings.Fields(tt[0]))
		if got := names(all); got != tt[1] || err != nil {
			t.Errorf("Get(%s): %v\n got %s\nwant %s", tt[0], err, got, tt[1])
		}
		held = append(held, all...)
	}
	for _, e := range held { // after all the later calls
		if e.Type != tree.File {
			continue
		}
		want, ok := contents[e.Path]
		if got := content(t, e); ok && got != want {
			t.Errorf("%s holds %q; want %q", e.Path, got, want)
		}
	}
}

// content reads a file and checks its digest.
func content(t *testing.T, e tree.Entry) string {
	t.Helper()
	r, err := e.Open()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	digest, _, err := tree.DigestOf(strings.NewReader(string(b)))
	if err != nil || digest != e.Digest {
		t.Errorf("%s has the digest %s, %v; it says %s", e.Path, digest, err, e.Digest)
	}
	return string(b)
}

func testMissing(t *testing.T, c tree.Catalog) {
	for _, p := range []string{"/none", "/bin/none", "/etc/rc/x", "/lib64/libc.so.12", "/out/passwd"} {
		_, err1 := c.Stat(t.Context(), p)
		_, err2 := c.Needs(t.Context(), p)
		_, err3 := c.Get(t.Context(), []string{"/etc/rc", p})
		for _, err := range []error{err1, err2, err3} {
			if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), p) || !strings.Contains(err.Error(), c.String()) {
				t.Errorf("%s: %v", p, err)
			}
		}
	}
	for _, p := range []string{"", "etc/rc", "/etc/../etc/rc", "/etc/", "../etc"} {
		if e, err := c.Stat(t.Context(), p); err == nil {
			t.Errorf("Stat(%q) = %v", p, e)
		}
	}
}

func testContext(t *testing.T, c tree.Catalog) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err1 := c.Stat(ctx, "/etc/rc")
	_, err2 := c.Needs(ctx, "/etc/rc")
	_, err3 := c.Below(ctx, "/etc")
	_, err4 := c.Get(ctx, []string{"/etc/rc"})
	for i, err := range []error{err1, err2, err3, err4} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if _, err := c.Get(t.Context(), []string{"/etc/rc"}); err != nil {
		t.Errorf("after a call that was ended: %v", err)
	}
}

// testLinks puts all that a catalog has into a tree.
func testLinks(t *testing.T, c tree.Catalog) {
	below, err := c.Below(t.Context(), "/")
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, e := range below {
		paths = append(paths, e.Path)
	}
	all, err := c.Get(t.Context(), paths)
	if err != nil {
		t.Fatal(err)
	}
	var tr tree.Tree
	for i, e := range all {
		if err := tr.Put(e); err != nil {
			t.Fatal(err)
		}
		if d := diff(below[i], e); d != "" {
			t.Errorf("Below and Get differ: %s", d)
		}
	}
	for _, p := range []string{"/bin/[", "/bin/test", "/bin/zero"} {
		if b, err := tr.ReadFile(p, 100); string(b) != "test" {
			t.Errorf("%s holds %q, %v", p, b, err)
		}
	}
	if _, err := tr.Digest(); err != nil {
		t.Error(err)
	}
}

// testGather takes a program with what it needs.
func testGather(t *testing.T, c tree.Catalog) {
	var tr tree.Tree
	g := tree.Gatherer{Tree: &tr, Catalog: c}
	if err := g.Add(t.Context(), "/bin/sh", "test"); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/bin/sh", "/lib/libc.so.12", "/lib/libc.so.12.221"} {
		if _, ok := tr.Get(p); !ok {
			t.Errorf("%s is not in the tree", p)
		}
	}
	if _, ok := tr.Get("/etc/rc"); ok {
		t.Error("/etc/rc is in the tree, and nothing needs it")
	}
}

// make makes the member at p, with a link to to.
func (m member) make(p, to string) (err error) {
	mode := fs.FileMode(m.Mode & 0o777)
	if m.Mode&0o4000 != 0 {
		mode |= fs.ModeSetuid
	}
	switch m.Typeflag {
	case tar.TypeDir:
		err = os.MkdirAll(p, 0o755)
	case tar.TypeSymlink:
		return os.Symlink(m.Linkname, p)
	case tar.TypeLink:
		return os.Link(to, p)
	case tar.TypeFifo:
		err = unix.Mkfifo(p, 0o600)
	default:
		err = os.WriteFile(p, m.body, 0o644)
	}
	return errors.Join(err, os.Chmod(p, mode), os.Chtimes(p, t0, t0))
}

// sorted is for lists without an order.
func sorted(all []string) []string { return slices.Sorted(slices.Values(all)) }
