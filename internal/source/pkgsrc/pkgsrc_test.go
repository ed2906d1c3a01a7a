package pkgsrc

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/archive"
	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// webPackages are nginx, which needs pcre2, and a shell.
func webPackages() []testPackage {
	return []testPackage{
		{
			name: "nginx-1.26.2nb1",
			summary: []string{
				"DEPENDS=pcre2>=10.40", "CONFLICTS=nginx-devel-[0-9]*", "LICENSE=2-clause-bsd", "HOMEPAGE=https://nginx.org/",
				"REQUIRES=/usr/lib/libc.so.12", "REQUIRES=/usr/pkg/lib/libpcre2.so.0", "REQUIRES=/usr/lib/libz.so.1",
			},
			before: []string{"@pkgdep pcre2>=10.40"},
			files: []testFile{
				{name: "sbin/nginx", text: "the program", mode: 0o755},
				{name: "share/examples/nginx/nginx.conf", text: "events {}\n"},
				{name: "share/examples/rc.d/nginx", text: "#!/bin/sh\n", mode: 0o755},
			},
			after: []string{
				"@mode 4711", "@owner nginx", "@group games",
				"@exec mkdir -p -m 0700 %D/share/nginx && ln -sf nginx.conf %D/share/nginx/%f",
				"@exec install-info %D/info/nginx.info", "@pkgdir share/nginx/html",
			},
			install: installScript("", strings.Join([]string{
				"# USER: nginx:nginx", "# GROUP: nginx", "# DIR: /var/log/nginx m 0750 nginx nginx", "# DIR: /skipped o",
				"# FILE: etc/nginx/nginx.conf c share/examples/nginx/nginx.conf 0640 root nginx",
				"# FILE: /etc/rc.d/nginx cr share/examples/rc.d/nginx 0755", "# FILE: /etc/shells c share/examples/rc.d/nginx 0755",
				"# FILE: /etc/not-there c share/examples/not-there", "# PERMS: sbin/nginx 4711 root games", "# PERMS: not-there 0",
				"# SHELL: sbin/nginx", "# SHELL: not-there", "",
			}, "\n")),
		},
		{
			name: "pcre2-10.42",
			summary: []string{
				"PROVIDES=/usr/pkg/lib/libpcre2.so.0", "REQUIRES=/usr/lib/libc.so.12",
			},
			files: []testFile{
				{name: "lib/libpcre2.so", link: "libpcre2.so.0.1"},
				{name: "lib/libpcre2.so.0.1", text: "a library"},
			},
		},
		{name: "other-1", files: []testFile{{name: "sbin/nginx", text: "another"}}},
	}
}

func TestInstall(t *testing.T) {
	ctx := t.Context()
	s := newRepo(t, webPackages()...).source(t)
	in, err := s.Install(ctx, []string{"nginx"})
	if err != nil {
		t.Fatal(err)
	}
	tr := baseTree(t)
	if err := in.Apply(&tr); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"file 0755 0:0 /etc/rc.d/nginx",
		"file 0640 0:1000 /usr/pkg/etc/nginx/nginx.conf",
		"file 4711 0:13 /usr/pkg/sbin/nginx",
		"file 0644 0:0 /usr/pkg/share/examples/nginx/nginx.conf",
		"file 0755 0:0 /usr/pkg/share/examples/rc.d/nginx",
		"dir 0700 0:0 /usr/pkg/share/nginx",
		"link 0777 0:0 /usr/pkg/share/nginx/nginx -> nginx.conf",
		"dir 0750 1000:1000 /var/log/nginx",
	}
	got := listing(tr, "package nginx 1.26.2nb1")
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("there is no %q among\n%s", w, strings.Join(got, "\n"))
		}
	}
	want = []string{
		"link 0777 0:0 /usr/pkg/lib/libpcre2.so -> libpcre2.so.0.1", "file 0644 0:0 /usr/pkg/lib/libpcre2.so.0.1",
		"file 0444 0:0 /usr/pkg/pkgdb/pcre2-10.42/+BUILD_INFO", "file 0444 0:0 /usr/pkg/pkgdb/pcre2-10.42/+COMMENT",
		"file 0644 0:0 /usr/pkg/pkgdb/pcre2-10.42/+CONTENTS", "file 0444 0:0 /usr/pkg/pkgdb/pcre2-10.42/+DESC",
		"file 0644 0:0 /usr/pkg/pkgdb/pcre2-10.42/+INSTALLED_INFO", "file 0644 0:0 /usr/pkg/pkgdb/pcre2-10.42/+REQUIRED_BY",
	}
	if diff := cmp.Diff(want, listing(tr, "package pcre2 10.42")); diff != "" {
		t.Error(diff)
	}
	for p, want := range map[string]string{
		"/usr/pkg/sbin/nginx": "the program", "/usr/pkg/etc/nginx/nginx.conf": "events {}\n", "/usr/pkg/lib/libpcre2.so": "a library",
		"/etc/shells": "/bin/sh\n/usr/pkg/sbin/nginx\n",
	} {
		if got, err := tr.ReadFile(p, 1<<10); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v", p, got, err)
		}
	}
	passwd, err := tr.ReadFile("/etc/master.passwd", 1<<16)
	if err != nil || !strings.Contains(string(passwd), "\nnginx:*:1000:1000::0:0:nginx user:/nonexistent:/sbin/nologin\n") {
		t.Errorf("master.passwd is\n%s%v", passwd, err)
	}
}

func TestReport(t *testing.T) {
	s := newRepo(t, webPackages()...).source(t)
	in, err := s.Install(t.Context(), []string{"nginx"})
	if err != nil {
		t.Fatal(err)
	}
	r := in.Report
	for i := range r.Packages {
		p := &r.Packages[i]
		if !strings.HasPrefix(p.Digest, "sha256:") || p.Size == 0 || p.URL != s.Mirror+"/"+p.File {
			t.Errorf("%+v lacks what is known of its file", p)
		}
		p.Digest, p.Size, p.URL = "", 0, ""
	}
	want := source.Report{
		Packages: []source.Package{
			{Name: "pcre2", Version: "10.42", Arch: "i386", File: "pcre2-10.42.tgz", For: "nginx"},
			{
				Name: "nginx", Version: "1.26.2nb1", Arch: "i386", File: "nginx-1.26.2nb1.tgz",
				License: "2-clause-bsd", Homepage: "https://nginx.org/",
			},
		},
		Key:    s.Key(),
		Notes:  []source.Note{{Package: "nginx 1.26.2nb1", Script: "+CONTENTS", Line: 15, Text: "install-info /usr/pkg/info/nginx.info"}},
		System: []source.Requirement{{Path: "/usr/lib/libc.so.12", Package: "pcre2-10.42"}, {Path: "/usr/lib/libz.so.1", Package: "nginx-1.26.2nb1"}},
	}
	if diff := cmp.Diff(want, r, cmp.Comparer(func(a, b tree.Tree) bool { return a.Len() == b.Len() })); diff != "" {
		t.Error(diff)
	}
}

// TestOnNothing has numbers of users as a new NetBSD would have them.
func TestOnNothing(t *testing.T) {
	s := newRepo(t, webPackages()...).source(t)
	tr, r, err := s.Packages(t.Context(), []string{"nginx"})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := tr.Get("/etc/master.passwd"); ok || len(r.Packages) != 2 {
		t.Errorf("%d packages, accounts: %t", len(r.Packages), ok)
	}
	if e, _ := tr.Get("/usr/pkg/sbin/nginx"); e.GID != 13 || e.Mode != 0o4711 {
		t.Errorf("nginx is of the group %d with the mode %o", e.GID, e.Mode)
	}
	again, _, err := s.Packages(t.Context(), []string{"nginx"})
	if err != nil {
		t.Fatal(err)
	}
	first, err := tr.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if second, err := again.Digest(); err != nil || first != second {
		t.Errorf("the tree is %s, then %s, %v", first, second, err)
	}
}

func TestRegister(t *testing.T) {
	s := newRepo(t, webPackages()...).source(t)
	s.Prefix = "/opt/pkg"
	tr, _, err := s.Packages(t.Context(), []string{"nginx"})
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]string{
		"pcre2-10.42/+REQUIRED_BY":    "nginx-1.26.2nb1\n",
		"pcre2-10.42/+INSTALLED_INFO": "automatic=yes\n",
		"nginx-1.26.2nb1/+COMMENT":    "a package of the test\n",
		"nginx-1.26.2nb1/+CONTENTS":   strings.Replace(webPackages()[0].list(), "@cwd /usr/pkg", "@cwd /opt/pkg", 1),
	} {
		if got, err := tr.ReadFile("/opt/pkg/pkgdb/"+p, 1<<20); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v", p, got, err)
		}
	}
	if e, ok := tr.Get("/opt/pkg/pkgdb/nginx-1.26.2nb1/+INSTALL"); !ok || e.Mode != 0o555 {
		t.Errorf("+INSTALL has the mode %o", e.Mode)
	}
	if e, err := tr.Lookup("/opt/pkg/lib/libpcre2.so"); err != nil || e.Path != "/opt/pkg/lib/libpcre2.so.0.1" {
		t.Errorf("the library is at %s, %v", e.Path, err)
	}
}

func TestScripts(t *testing.T) {
	p := testPackage{name: "own-1", install: installScript(ownPart, "")}
	s := newRepo(t, p).source(t)
	in, err := s.Install(t.Context(), []string{"own"})
	if err != nil {
		t.Fatal(err)
	}
	const at = "/usr/pkg/pkgdb/own-1/+INSTALL"
	want := []source.Script{{
		Package: "own 1",
		File:    tree.NewFile(at, 0o555, []byte(p.install), time.Unix(0, 0).UTC(), "package own 1"),
		Args:    []string{at, "own-1", "POST-INSTALL"},
		Env: []string{
			"PKG_PREFIX=/usr/pkg", "PKG_METADATA_DIR=/usr/pkg/pkgdb/own-1",
			"PKG_REFCOUNT_DBDIR=/usr/pkg/pkgdb.refcount", "PKG_RCD_SCRIPTS=yes",
		},
	}}
	if diff := cmp.Diff(want, in.Report.Scripts); diff != "" {
		t.Error(diff)
	}
}

// TestBadPackages has what is wrong with a package, and what is said of it.
func TestBadPackages(t *testing.T) {
	ok := []testFile{{name: "bin/a", text: "a"}, {name: "bin/b", text: "b"}}
	for name, c := range map[string]struct {
		p    testPackage
		want string
	}{
		"another MD5":        {testPackage{spoilList: replacing("@comment MD5:0cc1", "@comment MD5:0cc2")}, "bin/a has the MD5 0cc1"},
		"not in the list":    {testPackage{spoilList: func(s string) string { return s[:strings.Index(s, "bin/b")] }}, "it has the file bin/b, which its packing list has not"},
		"not in the archive": {testPackage{after: []string{"bin/c"}}, "it lacks bin/c, which its packing list has"},
		"another package":    {testPackage{spoilList: replacing("@name a-1", "@name b-1")}, "it is the package b-1"},
		"another link":       {testPackage{after: nil, spoilList: replacing("@comment MD5:92eb", "@comment Symlink:x\n@comment MD5:92eb")}, "bin/b is no symbolic link to x"},
		"no list":            {testPackage{spoilList: func(string) string { return "" }}, "no @name"},
		"cut off":            {testPackage{spoil: func(b []byte) []byte { return b[:len(b)/2] }}, "unexpected EOF"},
		"no archive":         {testPackage{spoil: func([]byte) []byte { return []byte("<html>") }}, "unpack"},
		"empty ar":           {testPackage{spoil: func([]byte) []byte { return []byte(archive.ArMagic) }}, "an ar archive without a package in it"},
		"a file of another":  {testPackage{summary: []string{"DEPENDS=other-[0-9]*"}}, "other-1 has the file /usr/pkg/bin/a too"},
		"no such user":       {testPackage{before: []string{"@owner nobody-knows"}}, "give /usr/pkg/bin/a to the user nobody-knows"},
		"no mode":            {testPackage{before: []string{"@mode rwx"}}, "/usr/pkg/bin/a: "},
	} {
		t.Run(name, func(t *testing.T) {
			c.p.name, c.p.files = "a-1", ok
			s := newRepo(t, c.p, testPackage{name: "other-1", files: ok[:1]}).source(t)
			_, _, err := s.Packages(t.Context(), []string{"a"})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is %q, not one line with %q", err, c.want)
			}
		})
	}
}

func replacing(old, new string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, new, 1) }
}

// TestBadDigest has a package that is not the one that the list is of, and
// another mirror's list, whose digests are in a file beside it.
func TestBadDigest(t *testing.T) {
	r := newRepo(t, webPackages()...)
	r.writeFile(t, "pcre2-10.42.tgz", testPackage{name: "pcre2-10.42"}.archive(t))
	_, _, err := r.source(t).Packages(t.Context(), []string{"nginx"})
	if !errors.Is(err, fetch.ErrDamaged) || !strings.Contains(err.Error(), "get pcre2-10.42") {
		t.Errorf("the error is %v", err)
	}
	p := testPackage{name: "a-1", noSum: true}
	r = newRepo(t, p)
	r.writeFile(t, "SHA512.gz", gzipped(t, "SHA512 (a-1.tgz) = "+strings.Repeat("0", 128)+"\n"))
	if _, _, err := r.source(t).Packages(t.Context(), []string{"a"}); !errors.Is(err, fetch.ErrDamaged) {
		t.Errorf("the error is %v", err)
	}
	r = newRepo(t, testPackage{name: "a-1", noSum: true, summary: []string{"FILE_CKSUM=sha1 " + strings.Repeat("0", 40)}})
	if _, _, err := r.source(t).Packages(t.Context(), []string{"a"}); err == nil || !strings.Contains(err.Error(), "its digest is sha1:") {
		t.Errorf("the error is %v", err)
	}
}

func TestNotFound(t *testing.T) {
	s := newRepo(t, webPackages()...).source(t)
	for name, want := range map[string]string{
		"ngnix":      `package "ngnix" not found in pkgsrc NetBSD 10.0 i386 (did you mean "nginx"?)`,
		"nginx-1.20": `package "nginx-1.20" not found in pkgsrc NetBSD 10.0 i386 (it has nginx-1.26.2nb1)`,
		"zzzzzzzzzz": `package "zzzzzzzzzz" not found in pkgsrc NetBSD 10.0 i386`,
	} {
		if _, _, err := s.Packages(t.Context(), []string{name}); err == nil || err.Error() != want {
			t.Errorf("the error is %v, not %s", err, want)
		}
	}
	s.Arch = "amd64"
	if _, _, err := s.Packages(t.Context(), []string{"nginx"}); err == nil || !strings.Contains(err.Error(), "is for NetBSD/i386, not for NetBSD/amd64") {
		t.Errorf("the error is %v", err)
	}
}

// TestOnce gets everything once, and then needs no server.
func TestOnce(t *testing.T) {
	r := newRepo(t, webPackages()...)
	s := r.source(t)
	offline := *s
	offline.Offline = true
	if _, _, err := offline.Packages(t.Context(), []string{"nginx"}); err == nil || !strings.Contains(err.Error(), "without --offline") {
		t.Errorf("without anything the error is %v", err)
	}
	if s.Key() != "" {
		t.Error("there is a key without a package list")
	}
	for range 2 {
		if _, _, err := s.Packages(t.Context(), []string{"nginx"}); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.requests.Load(); got != int64(len(sumsNames))+3 {
		t.Errorf("%d files were asked for: twice, or not all", got)
	}
	if _, _, err := offline.Packages(t.Context(), []string{"nginx"}); err != nil {
		t.Error(err)
	}
	if _, _, err := offline.Packages(t.Context(), []string{"other"}); err == nil || !strings.Contains(err.Error(), "get other-1: it is not there yet") {
		t.Errorf("the error is %v", err)
	}
	for _, p := range []string{"downloads"} {
		left, err := os.ReadDir(filepath.Join(s.Dir, p))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for _, f := range left {
			if strings.HasSuffix(f.Name(), ".tgz") {
				t.Errorf("%s was left behind", f.Name())
			}
		}
	}
}

// TestChangedFolder sees at once that a folder of the host has other packages.
func TestChangedFolder(t *testing.T) {
	r := newRepo(t, webPackages()...)
	s := r.source(t)
	s.Mirror = r.dir
	version := func() string {
		t.Helper()
		_, report, err := s.Packages(t.Context(), []string{"nginx"})
		if err != nil {
			t.Fatal(err)
		}
		return report.Packages[len(report.Packages)-1].Version
	}
	first := version()
	key := s.Key()
	if key == "" || s.Key() != key {
		t.Errorf("the key is %q", key)
	}
	newer := webPackages()
	newer[0].name = "nginx-1.28"
	r.write(t, newer...)
	later := time.Now().Add(time.Second)
	if err := os.Chtimes(filepath.Join(r.dir, "pkg_summary.gz"), later, later); err != nil {
		t.Fatal(err)
	}
	if got := s.Key(); got != "" {
		t.Errorf("the key is %q with a list that is none any more", got)
	}
	if got := version(); got == first || got != "1.28" || s.Key() == key {
		t.Errorf("nginx is %s, after %s", got, first)
	}
}

// TestKeyOfKeyring has another keyring in a file of the same name.
func TestKeyOfKeyring(t *testing.T) {
	r := newRepo(t, webPackages()...)
	s := r.source(t)
	if _, _, err := s.Packages(t.Context(), []string{"nginx"}); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{s.Key(): true}
	s.Keyring = filepath.Join(t.TempDir(), "keys")
	for _, text := range []string{"one", "two"} {
		if err := os.WriteFile(s.Keyring, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if key := s.Key(); key == "" || seen[key] {
			t.Errorf("with the keys %q the key is the same: %q", text, key)
		}
		seen[s.Key()] = true
	}
}

func TestRefresh(t *testing.T) {
	r := newRepo(t, webPackages()...)
	s := r.source(t)
	version := func() string {
		t.Helper()
		_, report, err := s.Packages(t.Context(), []string{"nginx"})
		if err != nil {
			t.Fatal(err)
		}
		return report.Packages[len(report.Packages)-1].Version
	}
	if got := version(); got != "1.26.2nb1" {
		t.Fatal(got)
	}
	key := s.Key()
	s.Refresh = true
	before := r.requests.Load()
	if version(); r.requests.Load() != before || s.Key() != "" {
		t.Errorf("%d files were got though nothing changed", r.requests.Load()-before)
	}
	s.Refresh = false
	newer := webPackages()
	newer[0].name = "nginx-1.28"
	r.write(t, newer...)
	if got := version(); got != "1.26.2nb1" {
		t.Errorf("the list was got again at once: %s", got)
	}
	old := time.Now().Add(-7 * time.Hour)
	if err := os.Chtimes(s.indexPath(), old, old); err != nil {
		t.Fatal(err)
	}
	if got := version(); got != "1.28" || s.Key() == key {
		t.Errorf("after seven hours it is %s", got)
	}
	r.write(t, webPackages()[1:]...)
	if err := os.WriteFile(s.indexPath(), []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Packages(t.Context(), []string{"nginx"}); err == nil {
		t.Error("a damaged list was taken for the package list")
	}
	r.write(t, newer...)
	if err := os.Chtimes(s.indexPath(), time.Now().Add(-time.Hour), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := version(); got != "1.28" {
		t.Errorf("a package that a list of an hour ago lacks is not looked for in a new one: %s", got)
	}
}

// TestMirrors has mirrors of all kinds.
func TestMirrors(t *testing.T) {
	plain := newRepo(t, webPackages()...)
	b, err := os.ReadFile(filepath.Join(plain.dir, "pkg_summary.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(plain.dir, "pkg_summary.gz")); err != nil {
		t.Fatal(err)
	}
	plain.writeFile(t, "pkg_summary", ungzipped(t, b))
	folder := newRepo(t, webPackages()...)
	empty := newRepo(t)
	empty.writeFile(t, "pkg_summary.gz", []byte("<html>not here</html>"))
	none := &testRepo{dir: t.TempDir()}
	for name, c := range map[string]struct{ mirror, want string }{
		"a plain summary":    {plain.url, ""},
		"a folder":           {folder.dir, ""},
		"a file address":     {"file://" + folder.dir, ""},
		"a slash at the end": {folder.url + "/", ""},
		"no mirror":          {"", "no mirror is given"},
		"garbage":            {empty.url, "is not VARIABLE=value (is it a mirror of pkgsrc?)"},
		"an empty folder":    {none.dir, "has no pkg_summary"},
		"no such folder":     {none.dir + "/gone", "has no pkg_summary"},
		"no server":          {"http://127.0.0.1:1/All", "can't be reached"},
	} {
		s := folder.source(t)
		s.Mirror = c.mirror
		_, _, err := s.Packages(t.Context(), []string{"nginx"})
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: the error is %v, not one with %q", name, err, c.want)
		}
	}
}

func ungzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
