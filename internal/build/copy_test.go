package build

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// dockerfile writes a Dockerfile and its context, and reads the ship. A name
// that ends in a slash is a folder, a text "-> x" a symbolic link, and "=> x"
// a hard link.
func dockerfile(t testing.TB, dir, text string, files ...string) ship.Ship {
	t.Helper()
	for _, f := range append([]string{"Dockerfile=" + text}, files...) {
		name, body, _ := strings.Cut(f, "=")
		name, mode, _ := strings.Cut(name, "%")
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		link, isLink := strings.CutPrefix(body, "-> ")
		hard, isHard := strings.CutPrefix(body, "=> ")
		var err error
		switch {
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(p, 0o755)
		case isLink:
			err = os.Symlink(link, p)
		case isHard:
			err = os.Link(filepath.Join(dir, hard), p)
		default:
			err = os.WriteFile(p, []byte(body), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		if mode != "" {
			var m os.FileMode
			if _, err := fmt.Sscanf(mode, "%o", &m); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(p, m); err != nil {
				t.Fatal(err)
			}
		}
	}
	s, err := ship.Load(t.Context(), dir, ship.Options{Guest: linux})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// brought lists what steps brought: what is not in every root.
func brought(t testing.TB, img image.Image) []string {
	t.Helper()
	var all []string
	for _, e := range img.Tree.All() {
		if e.Why == why || e.Why == "parent folder" {
			continue
		}
		text := fmt.Sprintf("%s %04o %d:%d", e.Path, e.Mode, e.UID, e.GID)
		switch e.Type {
		case tree.Dir:
			text = fmt.Sprintf("%s/ %04o %d:%d", e.Path, e.Mode, e.UID, e.GID)
		case tree.Symlink:
			text = e.Path + " -> " + e.Link
		case tree.Hardlink:
			text = e.Path + " => " + e.Link
		case tree.File:
			b, err := img.Tree.ReadFile(e.Path, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			text += " " + string(b)
		}
		all = append(all, text)
	}
	return all
}

// layersMake fails unless the report's layers make the image's files.
func layersMake(t testing.TB, img image.Image, r Report, base tree.Tree) {
	t.Helper()
	made := base.Clone()
	for _, l := range r.Layers {
		if err := l.Apply(&made); err != nil {
			t.Fatalf("layer %s: %v", l.Text, err)
		}
	}
	if d := image.Diff(&img.Tree, &made); !d.Empty() {
		t.Errorf("the layers don't make the image: %+v", d)
	}
}

// names are the paths of what brought lists, without what else it says.
func names(lines []string) []string {
	var all []string
	for _, l := range lines {
		name, _, _ := strings.Cut(l, " ")
		all = append(all, name)
	}
	return all
}

var site = []string{
	"a.txt=A", "b.txt=B", "run%0755=R", "src/one.go=1", "src/two.txt=2", "src/sub/three.txt=3", "src/sub/deep/four.go=4",
	"lib/one.so=L",
}

func TestCopyPlaces(t *testing.T) {
	for _, tt := range []struct {
		name, do string
		want     string // paths
	}{
		{"file to a new name", "COPY a.txt /x", "/x"},
		{"file below a folder that is there", "COPY a.txt /etc", "/etc/a.txt"},
		{"file below a new folder", "COPY a.txt /new/", "/new/ /new/a.txt"},
		{"file to a relative target", "WORKDIR /w\nCOPY a.txt .", "/w/ /w/a.txt"},
		{"file to a name below a new folder", "COPY a.txt /n/x", "/n/ /n/x"},
		{"what is in a folder", "COPY src /s", "/s/ /s/one.go /s/sub/ /s/sub/deep/ /s/sub/deep/four.go /s/sub/three.txt /s/two.txt"},
		{"what is in a folder below the folder", "COPY src/sub/ /s/", "/s/ /s/deep/ /s/deep/four.go /s/three.txt"},
		{"several", "COPY a.txt src/sub /s/", "/s/ /s/a.txt /s/deep/ /s/deep/four.go /s/three.txt"},
		{"a pattern", "COPY *.txt /s/", "/s/ /s/a.txt /s/b.txt"},
		{"a pattern with one match", "COPY a.* /s", "/s"},
		{"a pattern of folders", "COPY s*/s* /s", "/s/ /s/deep/ /s/deep/four.go /s/three.txt"},
		{"a pattern with a class", "COPY [ab].txt /s/", "/s/ /s/a.txt /s/b.txt"},
		{"a pattern that matches nothing", "COPY a.txt none* /s/", "/s/ /s/a.txt"},
		{"nothing but a pattern that matches nothing", "COPY none* /s/", "/s/"},
		{"exclude in a folder", "COPY --exclude=*.go --exclude=sub/deep src /s", "/s/ /s/sub/ /s/sub/three.txt /s/two.txt"},
		{"exclude deeper", "COPY --exclude=**/*.go src /s", "/s/ /s/sub/ /s/sub/deep/ /s/sub/three.txt /s/two.txt"},
		{"exclude among files", "COPY --exclude=b.* *.txt /s/", "/s/ /s/a.txt"},
		{"exclude but not all", "COPY --exclude=sub --exclude=!sub/deep src /s", "/s/ /s/one.go /s/sub/ /s/sub/deep/ /s/sub/deep/four.go /s/two.txt"},
		{"parents", "COPY --parents src/sub/three.txt a.txt /p/", "/p/ /p/a.txt /p/src/ /p/src/sub/ /p/src/sub/three.txt"},
		{"parents of a folder", "COPY --parents src/sub/deep /p/", "/p/ /p/src/ /p/src/sub/ /p/src/sub/deep/ /p/src/sub/deep/four.go"},
		{"parents behind the pivot", "COPY --parents ./src/./sub/*.txt /p/", "/p/ /p/sub/ /p/sub/three.txt"},
		{"parents of all below", "COPY --parents ./src/**/*.go /p/", "/p/ /p/src/ /p/src/one.go /p/src/sub/ /p/src/sub/deep/ /p/src/sub/deep/four.go"},
		{"parents with a pattern before the pivot", "COPY --parents s*/./sub/three.txt /p/", "/p/ /p/sub/ /p/sub/three.txt"},
		{"parents but", "COPY --parents --exclude=src/sub src lib /p/", "/p/ /p/lib/ /p/lib/one.so /p/src/ /p/src/one.go /p/src/two.txt"},
		{"parents of the context", "COPY --parents . /p/", "/p/ /p/Dockerfile /p/a.txt /p/b.txt /p/lib/ /p/lib/one.so /p/run /p/src/ /p/src/one.go /p/src/sub/ /p/src/sub/deep/ /p/src/sub/deep/four.go /p/src/sub/three.txt /p/src/two.txt"},
		{"heredoc", "COPY <<x /etc/\nhello\nx", "/etc/x"},
		{"heredocs", "COPY <<x <<y /t/\n1\nx\n2\ny", "/t/ /t/x /t/y"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := dockerfile(t, t.TempDir(), "FROM scratch\nWORKDIR /etc\nWORKDIR /\n"+tt.do, site...)
			img, r, err := Build(t.Context(), s, Options{Guest: linux})
			if err != nil {
				t.Fatal(err)
			}
			got := slices.DeleteFunc(names(brought(t, img)), func(p string) bool { return p == "/etc/" })
			if diff := cmp.Diff(strings.Fields(tt.want), got); diff != "" {
				t.Error(diff)
			}
			layersMake(t, img, r, tree.Tree{})
		})
	}
}

func TestCopyOwnersAndModes(t *testing.T) {
	const base = "FROM scratch\nCOPY --chmod=600 <<passwd <<group /etc/\nroot:x:0:0::/:/bin/sh\nweb:x:33:34::/:/bin/sh\npasswd\nwww:x:50:\ngroup\n"
	for _, tt := range []struct {
		name, do string
		want     []string
	}{
		{"as they are", "COPY run /r", []string{"/r 0755 0:0 R"}},
		{"by name", "COPY --chown=web a.txt /new/", []string{"/new/ 0755 33:34", "/new/a.txt 0644 33:34 A"}},
		{"by names", "COPY --chown=web:www src/sub /s", []string{"/s/ 0755 33:50", "/s/deep/ 0755 33:50", "/s/deep/four.go 0644 33:50 4", "/s/three.txt 0644 33:50 3"}},
		{"by numbers", "COPY --chown=7:8 a.txt /x", []string{"/x 0644 7:8 A"}},
		{"by a number", "COPY --chown=7 a.txt /x", []string{"/x 0644 7:7 A"}},
		{"octal", "COPY --chmod=4711 a.txt run /x/", []string{"/x/ 0755 0:0", "/x/a.txt 4711 0:0 A", "/x/run 4711 0:0 R"}},
		{"symbols", "COPY --chmod=u=rwX,go=rX lib run /x/", []string{"/x/ 0755 0:0", "/x/one.so 0644 0:0 L", "/x/run 0755 0:0 R"}},
		{"of a text", "COPY --chown=web --chmod=0500 <<x /\nt\nx", []string{"/x 0500 33:34 t\n"}},
		{
			"of a folder that was there", "COPY src/sub /s\nCOPY --chown=5:6 --chmod=go-rx src/sub /s",
			[]string{"/s/ 0755 0:0", "/s/deep/ 0700 5:6", "/s/deep/four.go 0600 5:6 4", "/s/three.txt 0600 5:6 3"},
		},
		{"folders above", "COPY --parents private/key /p/", []string{"/p/ 0755 0:0", "/p/private/ 0700 0:0", "/p/private/key 0600 0:0 K"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := dockerfile(t, t.TempDir(), base+tt.do, append([]string{"private/key%0600=K", "private/%0700="}, site...)...)
			img, _, err := Build(t.Context(), s, Options{Guest: linux})
			if err != nil {
				t.Fatal(err)
			}
			got := slices.DeleteFunc(brought(t, img), func(l string) bool { return strings.HasPrefix(l, "/etc/") })
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCopyLinks(t *testing.T) {
	files := []string{
		"d/file=F", "d/link=-> file", "d/away=-> /etc/passwd", "d/second==> d/file", "file=-> d/file", "dir=-> d", "one==> d/file",
	}
	for _, tt := range []struct {
		name, do string
		want     []string
	}{
		{"in a folder they stay", "COPY d /x", []string{"/x/ 0755 0:0", "/x/away -> /etc/passwd", "/x/file 0644 0:0 F", "/x/link -> file", "/x/second => /x/file"}},
		{"a source is followed", "COPY file /x", []string{"/x 0644 0:0 F"}},
		{"a folder that is a source is followed", "COPY --exclude=[las]* dir /x", []string{"/x/ 0755 0:0", "/x/file 0644 0:0 F"}},
		{"on the way", "COPY dir/file /x", []string{"/x 0644 0:0 F"}},
		{"several names, one of them", "COPY one /x", []string{"/x 0644 0:0 F"}},
		{"of a stage", "COPY d /x\nFROM scratch\nCOPY --from=0 /x/l* /x/second /y/", []string{"/y/ 0755 0:0", "/y/link 0644 0:0 F", "/y/second 0644 0:0 F"}},
		{"to a link of the image", "COPY d /x\nCOPY <<new /x/link\nnew.\nnew\nCOPY d/file /x/second/../z", []string{
			"/x/ 0755 0:0", "/x/away -> /etc/passwd", "/x/file 0644 0:0 new.\n", "/x/link -> file", "/x/second 0644 0:0 F", "/x/z 0644 0:0 F",
		}},
		{"over a link that is in the folder", "COPY d/link /x/\nCOPY --exclude=[fas]* d /y\nCOPY dir/second /y/link/\nCOPY d/second /y/", []string{
			"/x/ 0755 0:0", "/x/link 0644 0:0 F", "/y/ 0755 0:0", "/y/file/ 0755 0:0", "/y/file/second 0644 0:0 F", "/y/link -> file", "/y/second 0644 0:0 F",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := dockerfile(t, t.TempDir(), "FROM scratch\n"+tt.do, files...)
			img, r, err := Build(t.Context(), s, Options{Guest: linux})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, brought(t, img)); diff != "" {
				t.Error(diff)
			}
			layersMake(t, img, r, tree.Tree{})
		})
	}
}

func TestCopyFromKeepsOwners(t *testing.T) {
	s := dockerfile(t, t.TempDir(), `FROM scratch AS made
COPY --chown=5:6 --chmod=2750 src /s
FROM scratch
COPY --from=made /s /a
COPY --from=made --chown=7 /s/one.go /s/sub/../two.txt /b/
COPY --from=made --exclude=*.go --exclude=sub /s /c
COPY --from=made --parents /s/./sub/deep /d/
`, site...)
	img, r, err := Build(t.Context(), s, Options{Guest: linux})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"/a/ 0755 0:0", "/a/one.go 2750 5:6 1", "/a/sub/ 2750 5:6", "/a/sub/deep/ 2750 5:6", "/a/sub/deep/four.go 2750 5:6 4", "/a/sub/three.txt 2750 5:6 3", "/a/two.txt 2750 5:6 2",
		"/b/ 0755 7:7", "/b/one.go 2750 7:7 1", "/b/two.txt 2750 7:7 2",
		"/c/ 0755 0:0", "/c/two.txt 2750 5:6 2",
		"/d/ 0755 0:0", "/d/sub/ 2750 5:6", "/d/sub/deep/ 2750 5:6", "/d/sub/deep/four.go 2750 5:6 4",
	}
	if diff := cmp.Diff(want, brought(t, img)); diff != "" {
		t.Error(diff)
	}
	layersMake(t, img, r, tree.Tree{})
}

func TestDockerignore(t *testing.T) {
	for _, tt := range []struct{ name, ignore, want string }{
		{"a name", "a.txt\nsrc/sub\nDockerfile\n.dockerignore\nlib", "b.txt run src/ src/one.go src/two.txt"},
		{"a pattern", "*\n!*.txt", "a.txt b.txt"},
		{"all but one in a folder", "*\n!src/sub/three.txt", "src/ src/sub/ src/sub/three.txt"},
		{"a folder but what is deep", "*\n!src/**/*.go", "src/ src/one.go src/sub/ src/sub/deep/ src/sub/deep/four.go"},
		{"all but what is not there", "*\n!src/none", ""},
		{"a folder comes back whole", "*\n!src/sub", "src/ src/sub/ src/sub/deep/ src/sub/deep/four.go src/sub/three.txt"},
		{"and goes again", "*\n!src/sub\nsrc/sub/deep", "src/ src/sub/ src/sub/three.txt"},
		{"a remark", "# *\n/*\n!run", "run"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := dockerfile(t, t.TempDir(), "FROM scratch\nCOPY . /c", append([]string{".dockerignore=" + tt.ignore}, site...)...)
			img, _, err := Build(t.Context(), s, Options{Guest: linux})
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, p := range strings.Fields(". " + tt.want) {
				want = append(want, "/c/"+strings.TrimPrefix(p, "."))
			}
			if diff := cmp.Diff(want, names(brought(t, img))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCopyRefuses(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("S"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := append([]string{".dockerignore=b.txt\nsrc/sub\n", "out=-> " + outside}, site...)
	for _, tt := range []struct{ do, want string }{
		{"COPY none /", "Dockerfile:2: COPY none /: none is not in the build context "},
		{"COPY --parents src/none /", "Dockerfile:2: COPY --parents src/none /: src/none is not in the build context "},
		{"COPY b.txt /", "Dockerfile:2: COPY b.txt /: b.txt is in the build context DIR, but its .dockerignore leaves it out: add !b.txt to that"},
		{"COPY src/sub/three.txt /", "src/sub/three.txt is in the build context DIR, but its .dockerignore leaves it out"},
		{"COPY src/sub /", "src/sub is in the build context DIR, but its .dockerignore leaves it out"},
		{"COPY --exclude=a.* a.txt /", "a.txt is left out by --exclude"},
		{"COPY out /", "out leads out of the build context, to " + outside},
		{"COPY a.txt /x\nCOPY src /x", "Dockerfile:3: COPY src /x: /x is a file, not a folder"},
		{"COPY a.txt /x\nCOPY a.txt /x/y", "Dockerfile:3: COPY a.txt /x/y: /x is a file, not a folder"},
		{"COPY [ar]* /x", "2 files go to /x, which is no folder: write /x/"},
		{"COPY --chown=web a.txt /x", `--chown=web: look up the owner "web": there is no user "web"`},
		{"COPY [z /x", "pattern [z: syntax error in pattern"},
		{"COPY --from=there a.txt /x", "image there: there is no source of images"},
		{"COPY a.txt /x\nFROM scratch\nCOPY --from=0 /y /", "Dockerfile:4: COPY --from=0 /y /: /y is not in stage 0"},
		{"ADD http://127.0.0.1:1/x /", "nothing can be fetched here"},
	} {
		t.Run(tt.do, func(t *testing.T) {
			dir := t.TempDir()
			s := dockerfile(t, dir, "FROM scratch\n"+tt.do, files...)
			_, _, err := Build(t.Context(), s, Options{Guest: linux})
			if want := strings.ReplaceAll(tt.want, "DIR", dir); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Build = %v\nwant %s", err, want)
			}
		})
	}
}

// archived returns a tar archive of a file, a folder of somebody's and a link.
func archived(t testing.TB, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Name: name, Mode: 0o640, Size: 1, Uid: 3, Gid: 4, Typeflag: tar.TypeReg, ModTime: time.Unix(9, 0)},
		{Name: "d/", Mode: 0o700, Uid: 3, Typeflag: tar.TypeDir},
		{Name: "d/link", Linkname: "../f", Typeflag: tar.TypeSymlink},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("F")[:h.Size]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAddArchives(t *testing.T) {
	plain := string(archived(t, "f"))
	files := []string{"plain.tar=" + plain, "packed.tgz=" + string(gzipped(t, []byte(plain))), "text.gz=" + string(gzipped(t, []byte("hello"))), "a.tar=no archive"}
	unpacked := []string{"/x/ 0755 0:0", "/x/d/ 0700 3:0", "/x/d/link -> ../f", "/x/f 0640 3:4 F"}
	for _, tt := range []struct {
		name, do string
		want     []string
	}{
		{"tar", "ADD plain.tar /x", unpacked},
		{"tar.gz", "ADD packed.tgz /x/", unpacked},
		{"for somebody", "ADD --chown=8:9 packed.tgz /x", []string{"/x/ 0755 8:9", "/x/d/ 0700 8:9", "/x/d/link -> ../f", "/x/f 0640 8:9 F"}},
		{"no archive", "ADD a.tar /x", []string{"/x 0644 0:0 no archive"}},
		{"both", "ADD plain.tar a.tar /x/", append([]string{"/x/ 0755 0:0", "/x/a.tar 0644 0:0 no archive"}, unpacked[1:]...)},
		{"by a pattern", "ADD *.tar /x/", append([]string{"/x/ 0755 0:0", "/x/a.tar 0644 0:0 no archive"}, unpacked[1:]...)},
		{"compressed, but no archive", "ADD text.gz /x", []string{"/x 0644 0:0 " + files[2][len("text.gz="):]}},
		{"as it is", "ADD --unpack=false plain.tar /x", []string{"/x 0644 0:0 " + plain}},
		{"by COPY", "COPY plain.tar /x", []string{"/x 0644 0:0 " + plain}},
		{"in a folder", "ADD . /x\nFROM scratch\nCOPY --from=0 /x/plain.tar /x", []string{"/x 0644 0:0 " + plain}},
		{"with a text", "ADD plain.tar <<t /x/\nT\nt", append(slices.Clone(unpacked), "/x/t 0644 0:0 T\n")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := dockerfile(t, t.TempDir(), "FROM scratch\n"+tt.do, files...)
			img, r, err := Build(t.Context(), s, Options{Guest: linux, Cache: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, brought(t, img)); diff != "" {
				t.Error(diff)
			}
			layersMake(t, img, r, tree.Tree{})
		})
	}
}

func TestAddRefusesArchives(t *testing.T) {
	long := gzipped(t, archived(t, "f"))
	for _, tt := range []struct{ name, body, want string }{
		{"climbs out", string(archived(t, "../../f")), "Dockerfile:2: ADD a.tar /x/: unpack a.tar: "},
		{"ends early", string(long[:len(long)-20]), "Dockerfile:2: ADD a.tar /x/: unpack a.tar: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := dockerfile(t, t.TempDir(), "FROM scratch\nADD a.tar /x/", "a.tar="+tt.body)
			cache := t.TempDir()
			_, _, err := Build(t.Context(), s, Options{Guest: linux, Cache: cache})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Build = %v; want %s", err, tt.want)
			}
			if left, err := os.ReadDir(filepath.Join(cache, "adds")); len(left) > 0 {
				t.Errorf("adds has %v, %v", left, err)
			}
		})
	}
}

func TestAddAddresses(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.URL.Path == "/gone" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte("at " + r.URL.Path)) // a reader that went away
	}))
	defer srv.Close()
	sum := func(s string) string { return fmt.Sprintf("--checksum=sha256:%x ", sha256.Sum256([]byte(s))) }
	for _, tt := range []struct {
		name, do string
		want     []string
		err      string
	}{
		{"to a name", "ADD URL/f /x", []string{"/x 0600 0:0 at /f"}, ""},
		{"to a folder", "ADD URL/a/f?x=y URL/g /x/", []string{"/x/ 0755 0:0", "/x/f 0600 0:0 at /a/f", "/x/g 0600 0:0 at /g"}, ""},
		{"with a file", "ADD --chmod=644 --chown=1 URL/g file /x/", []string{"/x/ 0755 1:1", "/x/file 0644 1:1 F", "/x/g 0644 1:1 at /g"}, ""},
		{"with its digest", "ADD " + sum("at /f") + "URL/f /x", []string{"/x 0600 0:0 at /f"}, ""},
		{"without a name, to one", "ADD URL/ /x", []string{"/x 0600 0:0 at /"}, ""},
		{"without a name", "ADD URL /x/", nil, "the address has no file's name in it: write the target in full, as in /x/index.html"},
		{"of another digest", "ADD " + sum("other") + "URL/f /x", nil, "sha256:"},
		{"gone", "ADD URL/gone /x", nil, "404"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cache := t.TempDir()
			s := dockerfile(t, t.TempDir(), "FROM scratch\n"+strings.ReplaceAll(tt.do, "URL", srv.URL), "file=F")
			o := Options{Guest: linux, Cache: cache, Fetch: &fetch.Client{Dir: filepath.Join(cache, "downloads")}}
			img, _, err := Build(t.Context(), s, o)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), "Dockerfile:2: ADD ") || !strings.Contains(err.Error(), srv.URL) || strings.Contains(err.Error(), "\n") {
					t.Errorf("Build = %v; want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, brought(t, img)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if asked == 0 {
		t.Error("nobody asked the server")
	}
}
