package pkgsrc

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/internal/tree"
)

var t0 = time.Unix(1_700_000_000, 0).UTC()

// A testFile is a file of a testPackage.
type testFile struct {
	name, text string
	link       string // of a symbolic link
	mode       int64
}

// A testPackage is a package of a testRepo.
type testPackage struct {
	name    string   // "nginx-1.26.2"
	summary []string // more lines of the summary
	before  []string // lines of the packing list before its files
	files   []testFile
	after   []string // lines after them
	install string   // +INSTALL
	meta    []testFile
	// spoil changes the packing list or archive, for packages that are wrong.
	spoilList func(list string) string
	spoil     func(archive []byte) []byte
	noSum     bool
}

// list returns the packing list.
func (p testPackage) list() string {
	var b strings.Builder
	fmt.Fprintf(&b, "@name %s\n@comment Packaged by the test\n@cwd /usr/pkg\n", p.name)
	for _, l := range p.before {
		b.WriteString(l + "\n")
	}
	for _, f := range p.files {
		b.WriteString(f.name + "\n")
		if f.link != "" {
			b.WriteString("@comment Symlink:" + f.link + "\n")
		} else {
			sum := md5.Sum([]byte(f.text))
			b.WriteString("@comment MD5:" + hex.EncodeToString(sum[:]) + "\n")
		}
	}
	for _, l := range p.after {
		b.WriteString(l + "\n")
	}
	if p.spoilList != nil {
		return p.spoilList(b.String())
	}
	return b.String()
}

// archive returns the package's file.
func (p testPackage) archive(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	meta := []testFile{
		{name: "+CONTENTS", text: p.list()},
		{name: "+COMMENT", text: "a package of the test\n"},
		{name: "+DESC", text: "It is made by the test.\n"},
		{name: "+BUILD_INFO", text: "OPSYS=NetBSD\nMACHINE_ARCH=i386\n"},
	}
	if p.install != "" {
		meta = append(meta, testFile{name: "+INSTALL", text: p.install, mode: 0o755})
	}
	for _, f := range slices.Concat(meta, p.meta, p.files) {
		h := &tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.text)), ModTime: t0, Uid: 1001, Gid: 1001, Uname: "builder", Gname: "builder"}
		if f.mode != 0 {
			h.Mode = f.mode
		}
		if f.link != "" {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, f.link, 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f.text)[:h.Size]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if p.spoil != nil {
		return p.spoil(b.Bytes())
	}
	return b.Bytes()
}

// A testRepo is a folder of packages that is served over HTTP.
type testRepo struct {
	dir      string
	url      string
	requests atomic.Int64 // for files other than by HEAD
	heads    atomic.Int64
}

func newRepo(t testing.TB, packages ...testPackage) *testRepo {
	t.Helper()
	r := &testRepo{dir: t.TempDir()}
	r.write(t, packages...)
	files := http.FileServer(http.Dir(r.dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodHead {
			r.heads.Add(1)
		} else {
			r.requests.Add(1)
		}
		files.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// write makes the packages and their summary.
func (r *testRepo) write(t testing.TB, packages ...testPackage) {
	t.Helper()
	var summary strings.Builder
	for _, p := range packages {
		b := p.archive(t)
		r.writeFile(t, p.name+".tgz", b)
		fmt.Fprintf(&summary, "PKGNAME=%s\nCOMMENT=a package of the test\nOPSYS=NetBSD\nOS_VERSION=10.0\nMACHINE_ARCH=i386\n", p.name)
		fmt.Fprintf(&summary, "BUILD_DATE=2024-11-05 12:00:00 +0000\nDESCRIPTION=It is made\nDESCRIPTION=by the test.\nFILE_SIZE=%d\n", len(b))
		if !p.noSum {
			sum := sha512.Sum512(b)
			fmt.Fprintf(&summary, "FILE_CKSUM=sha512 %x\n", sum)
		}
		for _, l := range p.summary {
			summary.WriteString(l + "\n")
		}
		summary.WriteString("\n")
	}
	r.writeFile(t, "pkg_summary.gz", gzipped(t, summary.String()))
}

func (r *testRepo) writeFile(t testing.TB, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// source returns one for the repository, with a cache of its own.
func (r *testRepo) source(t testing.TB) *Source {
	t.Helper()
	return &Source{Mirror: r.url, OS: "NetBSD", Release: "10.0", Arch: "i386", Dir: t.TempDir()}
}

// baseTree is a small base system with accounts.
func baseTree(t testing.TB) tree.Tree {
	t.Helper()
	var tr tree.Tree
	for p, text := range map[string]string{
		"/etc/master.passwd": "root:*:0:0::0:0:Charlie &:/root:/bin/sh\ngames:*:7:13::0:0:&:/nonexistent:/sbin/nologin\n",
		"/etc/group":         "wheel:*:0:root\ngames:*:13:\nusers:*:100:\n",
		"/etc/shells":        "/bin/sh\n",
	} {
		if err := tr.Put(tree.NewFile(p, 0o644, []byte(text), t0, "set etc")); err != nil {
			t.Fatal(err)
		}
	}
	tr.MakeParents(t0)
	return tr
}

// listing returns the entries of packages, a line each: mode, owner, size or
// target, path.
func listing(tr tree.Tree, prefix string) []string {
	var all []string
	for _, e := range tr.All() {
		if e.Why != prefix {
			continue
		}
		line := fmt.Sprintf("%s %04o %d:%d %s", e.Type, e.Mode, e.UID, e.GID, e.Path)
		if e.Link != "" {
			line += " -> " + e.Link
		}
		all = append(all, line)
	}
	return all
}
