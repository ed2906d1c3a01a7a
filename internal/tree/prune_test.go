package tree

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func put(t *testing.T, to *Tree, entries ...Entry) {
	t.Helper()
	for _, e := range entries {
		if err := to.Put(e); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPrune(t *testing.T) {
	var all Tree
	for _, p := range []string{
		"/usr/share/man/man1/ls.1", "/usr/share/misc/termcap", "/usr/include/stdio.h", "/usr/lib/libc.a", "/usr/lib/libc.so",
		"/usr/pkg/share/doc/linked.txt", "/usr/pkg/share/doc/other.txt", "/var/www/a.a", "/usr/share/locale/de/x.mo",
	} {
		put(t, &all, NewFile(p, 0o644, []byte(p), t0, ""))
	}
	put(t, &all, Entry{Path: "/etc/motd", Type: Symlink, Link: "../usr/pkg/share/doc/linked.txt"})
	all.MakeParents(t0)
	before := all.Len()
	gone := all.Prune()
	var files []string
	for _, e := range gone {
		if e.Type == File {
			files = append(files, e.Path)
		}
	}
	want := []string{"/usr/include/stdio.h", "/usr/lib/libc.a", "/usr/pkg/share/doc/other.txt", "/usr/share/locale/de/x.mo", "/usr/share/man/man1/ls.1"}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("files taken (-want +got):\n%s", diff)
	}
	for _, p := range []string{"/usr/lib/libc.so", "/usr/pkg/share/doc/linked.txt", "/usr/pkg/share/doc", "/usr/share/misc/termcap", "/var/www/a.a"} {
		if _, ok := all.Get(p); !ok {
			t.Errorf("%s was taken", p)
		}
	}
	for _, p := range []string{"/usr/include", "/usr/share/man/man1", "/usr/share/locale"} {
		if _, ok := all.Get(p); ok {
			t.Errorf("the empty folder %s is there", p)
		}
	}
	if all.Len()+len(gone) != before {
		t.Errorf("%d entries are left and %d taken of %d", all.Len(), len(gone), before)
	}
}

func TestHints(t *testing.T) {
	var all Tree
	put(t, &all,
		NewFile("/etc/pam.d/su", 0o644, []byte("# auth x pam_no.so\nauth sufficient pam_rootok.so no_warn\nauth [a=1 b=2] /lib/own.so\n"), t0, ""),
		NewFile("/etc/nsswitch.conf", 0o644, []byte("hosts: files [notfound=return] winbind\nbroken\n"), t0, ""),
		NewFile("/usr/pkg/etc/nginx/nginx.conf", 0o644, []byte("load_module modules/a.so;\nload_module \"/opt/b.so\";\n"), t0, ""),
		NewFile("/usr/pkg/etc/httpd/httpd.conf", 0o644, []byte("LoadModule x_module lib/httpd/mod_x.so\n#LoadModule y lib/y.so\n"), t0, ""),
	)
	var got []string
	for _, h := range all.Hints() {
		got = append(got, h.Path)
	}
	for _, want := range []string{
		"/usr/lib/security/pam_rootok.so*", "/lib/own.so*", "/usr/lib/nss_winbind.so.*", "/usr/pkg/modules/a.so", "/opt/b.so", "/usr/pkg/lib/httpd/mod_x.so",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no hint of %s among %v", want, got)
		}
	}
	for _, not := range []string{"/usr/lib/security/pam_no.so*", "/usr/pkg/lib/y.so", "/usr/lib/nss_[notfound=return].so.*"} {
		if slices.Contains(got, not) {
			t.Errorf("a hint of %s", not)
		}
	}
}

// stock is a Catalog of a Tree.
type stock struct{ *Tree }

func (s stock) Stat(_ context.Context, p string) (Entry, error) {
	e, ok := s.Tree.Get(p)
	if !ok {
		return e, &fs.PathError{Op: "stat", Path: p, Err: fs.ErrNotExist}
	}
	return e, nil
}

func (s stock) Needs(_ context.Context, p string) (Needs, error) {
	e, _ := s.Tree.Get(p)
	return e.Needs()
}

func (s stock) Below(_ context.Context, p string) ([]Entry, error) { return s.Tree.Below(p), nil }

func (s stock) Get(ctx context.Context, paths []string) ([]Entry, error) {
	var all []Entry
	for _, p := range paths {
		e, err := s.Stat(ctx, p)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

func (stock) String() string { return "the stock" }

func TestGather(t *testing.T) {
	elfFile := func(p string, s elfSpec) Entry {
		s.note = "NetBSD"
		return NewFile(p, 0o755, makeELF(t, s), t0, "")
	}
	var all Tree
	put(t, &all,
		elfFile("/bin/ls", elfSpec{interp: "/libexec/ld.elf_so", needed: []string{"libutil.so.7", "libc.so.12"}}),
		elfFile("/usr/libexec/real.ld", elfSpec{}),
		Entry{Path: "/libexec", Type: Symlink, Link: "usr/libexec"},
		Entry{Path: "/usr/libexec/ld.elf_so", Type: Symlink, Link: "real.ld"},
		Entry{Path: "/lib/libc.so.12", Type: Symlink, Link: "libc.so.12.219"},
		elfFile("/lib/libc.so.12.219", elfSpec{}),
		elfFile("/usr/lib/libutil.so.7", elfSpec{needed: []string{"libown.so.1", "libc.so.12"}, runpath: "$ORIGIN/own"}),
		elfFile("/usr/lib/own/libown.so.1", elfSpec{needed: []string{"libnowhere.so"}}),
		elfFile("/usr/lib/libunused.so.1", elfSpec{}),
		NewFile("/usr/bin/script", 0o755, []byte("#!/bin/ls -l\n"), t0, ""),
		NewFile("/etc/a", 0o644, nil, t0, ""), NewFile("/etc/d/b", 0o644, nil, t0, ""),
		Entry{Path: "/bin/dir", Type: Hardlink, Mode: 0o755, Link: "/bin/ls"},
		NewFile("/bin/loop", 0o755, nil, t0, ""),
	)
	all.MakeParents(t0)
	t.Run("closure", func(t *testing.T) {
		var got Tree
		g := Gatherer{Tree: &got, Catalog: stock{&all}}
		if err := g.Add(t.Context(), "/usr/bin/scr*", "ship.conf:3"); err != nil {
			t.Fatal(err)
		}
		if err := g.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"/bin", "/bin/ls", "/lib", "/lib/libc.so.12", "/lib/libc.so.12.219", "/libexec", "/usr", "/usr/bin", "/usr/bin/script",
			"/usr/lib", "/usr/lib/libutil.so.7", "/usr/lib/own", "/usr/lib/own/libown.so.1", "/usr/libexec", "/usr/libexec/ld.elf_so", "/usr/libexec/real.ld",
		}
		if diff := cmp.Diff(want, pathsOf(got.All())); diff != "" {
			t.Errorf("gathered (-want +got):\n%s", diff)
		}
		for p, why := range map[string]string{
			"/usr/bin/script": "ship.conf:3", "/bin/ls": "needed by /usr/bin/script", "/lib/libc.so.12.219": "needed by /bin/ls",
			"/usr/lib/own/libown.so.1": "needed by /usr/lib/libutil.so.7",
		} {
			if e, _ := got.Get(p); e.Why != why {
				t.Errorf("%s is there since %q, want %q", p, e.Why, why)
			}
		}
		missing, err := got.Missing(t.Context())
		if err != nil || len(missing) != 1 || missing[0].Needs != "libnowhere.so" {
			t.Errorf("missing %v, %v", missing, err)
		}
	})
	t.Run("what the tree has stays, and is looked at", func(t *testing.T) {
		var got Tree
		put(t, &got, elfFile("/opt/server", elfSpec{needed: []string{"libc.so.12"}}), NewFile("/lib/libc.so.12.219", 0o644, []byte("mine"), t0, "own"))
		got.MakeParents(t0)
		g := Gatherer{Tree: &got, Catalog: stock{&all}}
		if err := g.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if e, err := got.Lookup("/lib/libc.so.12"); err != nil || e.Why != "own" {
			t.Errorf("libc is %+v, %v", e, err)
		}
	})
	t.Run("a folder", func(t *testing.T) {
		var got Tree
		g := Gatherer{Tree: &got, Catalog: stock{&all}}
		if err := errors.Join(g.Add(t.Context(), "etc", "sync"), g.Add(t.Context(), "/bin/dir", "bins")); err != nil {
			t.Fatal(err)
		}
		if err := g.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{"/etc/a", "/etc/d/b", "/bin/dir", "/lib/libc.so.12.219"} {
			if _, ok := got.Get(p); !ok {
				t.Errorf("%s is missing", p)
			}
		}
	})
	t.Run("a name that looks like a pattern", func(t *testing.T) {
		stocked := all.Clone()
		put(t, &stocked, NewFile("/bin/[", 0o755, nil, t0, ""))
		var got Tree
		g := Gatherer{Tree: &got, Catalog: stock{&stocked}}
		if err := errors.Join(g.Add(t.Context(), "/bin/[", "bins"), g.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"/bin", "/bin/["}, pathsOf(got.All())); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("nothing of the name", func(t *testing.T) {
		g := Gatherer{Tree: new(Tree), Catalog: stock{&all}}
		for _, p := range []string{"/bin/no", "/no/*", "/bin/no*", "/bin/ls/x", "/bin/["} {
			if err := g.Add(t.Context(), p, ""); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Add(%s) = %v", p, err)
			}
		}
	})
}
