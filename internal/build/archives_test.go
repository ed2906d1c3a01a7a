package build

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/tree"
)

func TestAddCompressed(t *testing.T) {
	plain := archived(t, "f")
	for _, tool := range []string{"xz", "zstd", "bzip2"} {
		t.Run(tool, func(t *testing.T) {
			if _, err := exec.LookPath(tool); err != nil {
				t.Skip("there is no " + tool)
			}
			c := exec.Command(tool, "-c")
			c.Stdin = bytes.NewReader(plain)
			packed, err := c.Output()
			if err != nil {
				t.Fatal(err)
			}
			s := dockerfile(t, t.TempDir(), "FROM scratch\nADD a.tar.* /x/", "a.tar."+tool+"="+string(packed))
			img, r, err := Build(t.Context(), s, Options{Guest: linux, Cache: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"/x/ 0755 0:0", "/x/d/ 0700 3:0", "/x/d/link -> ../f", "/x/f 0640 3:4 F"}
			if diff := cmp.Diff(want, brought(t, img)); diff != "" {
				t.Error(diff)
			}
			layersMake(t, img, r, tree.Tree{})
		})
	}
}

// archiveOf returns an archive of these headers; files are of zeros, as far as
// there is room for them.
func archiveOf(t testing.TB, headers ...tar.Header) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if h.ModTime.IsZero() {
			h.ModTime = time.Unix(9, 0)
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 && h.Size < 1<<20 {
			if _, err := w.Write(make([]byte, h.Size)); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = w.Flush() // complains of a file that is to be cut short
	return b.String()
}

// TestAddRefusesTricks has archives that would leave the target, or the cache
// full.
func TestAddRefusesTricks(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"climbs out", archiveOf(t, tar.Header{Name: "a/../../f", Size: 1, Typeflag: tar.TypeReg}), "a/../../f"},
		{"another name of what is outside", archiveOf(t, tar.Header{Name: "passwd", Linkname: "../../etc/passwd", Typeflag: tar.TypeLink}), "../../etc/passwd"},
		{"another name of nothing", archiveOf(t, tar.Header{Name: "a", Linkname: "b", Typeflag: tar.TypeLink}), "/x/a is another name of /b: file does not exist"},
		{
			"through a link of its own", archiveOf(
				t, tar.Header{Name: "d", Linkname: "/etc", Typeflag: tar.TypeSymlink}, tar.Header{Name: "d/passwd", Size: 1, Typeflag: tar.TypeReg},
			), "/d is a link, not a folder",
		},
		{"without end", archiveOf(t, tar.Header{Name: "zeros", Size: 2 << 30, Typeflag: tar.TypeReg}), "its files have more than 1024 MiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := dockerfile(t, t.TempDir(), "FROM scratch\nCOPY --chmod=600 <<passwd /etc/\nroot\npasswd\nADD a.tar /x/", "a.tar="+tt.body)
			cache := t.TempDir()
			_, _, err := Build(t.Context(), s, Options{Guest: linux, Cache: cache})
			if err == nil || !strings.Contains(err.Error(), "Dockerfile:5: ADD a.tar /x/: unpack a.tar: ") || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Build = %v; want %s", err, tt.want)
			}
		})
	}
}

func TestAddLimits(t *testing.T) {
	for size, want := range map[int64]int64{0: 1 << 30, 1 << 10: 1 << 30, 4 << 20: 4 << 30} {
		if got := addLimits(size); got.Bytes != want || got.Entries == 0 {
			t.Errorf("of %d bytes: %+v; want %d bytes", size, got, want)
		}
	}
}

// TestLinksOfArchivesStayInTheTree adds an archive with links to what is not
// in it, which lead into the guest, never to the host.
func TestLinksOfArchivesStayInTheTree(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("S"), 0o600); err != nil {
		t.Fatal(err)
	}
	body := archiveOf(t, tar.Header{Name: "a", Linkname: outside, Typeflag: tar.TypeSymlink}, tar.Header{Name: "b", Linkname: "../../../../.." + outside, Typeflag: tar.TypeSymlink})
	s := dockerfile(t, t.TempDir(), "FROM scratch\nADD a.tar /x/", "a.tar="+body)
	img, _, err := Build(t.Context(), s, Options{Guest: linux, Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/x/ 0755 0:0", "/x/a -> " + outside, "/x/b -> ../../../../.." + outside}, brought(t, img)); diff != "" {
		t.Error(diff)
	}
	for _, p := range []string{"a", "b"} {
		s := dockerfile(t, t.TempDir(), "FROM scratch\nADD a.tar /x/\nFROM scratch\nCOPY --from=0 /x/"+p+" /y", "a.tar="+body)
		if _, _, err := Build(t.Context(), s, Options{Guest: linux, Cache: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "is not in stage 0") {
			t.Errorf("COPY of %s = %v", p, err)
		}
	}
}

// TestAddAddressOnce gets one address in two steps, and a file whose digest
// is known in two builds.
func TestAddAddressOnce(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		fmt.Fprint(w, "text ", asked) // a mistake would show in what is built
	}))
	defer srv.Close()
	cache := t.TempDir()
	for _, tt := range []struct {
		name, do string
		want     []string
		asked    int
	}{
		{"two steps", "ADD URL/f /x\nADD URL/f /y", []string{"/x 0600 0:0 text 1", "/y 0600 0:0 text 1"}, 1},
		{"with the digest", fmt.Sprintf("ADD --checksum=sha256:%x URL/f /x", sha256.Sum256([]byte("text 1"))), []string{"/x 0600 0:0 text 1"}, 1},
		{"anew", "ADD URL/f /x", []string{"/x 0600 0:0 text 2"}, 2},
	} {
		s := dockerfile(t, t.TempDir(), "FROM scratch\n"+strings.ReplaceAll(tt.do, "URL", srv.URL))
		img, r, err := Build(t.Context(), s, Options{Guest: linux, Cache: cache, Fetch: &fetch.Client{Dir: filepath.Join(cache, "downloads")}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, brought(t, img)); diff != "" {
			t.Errorf("%s:\n%s", tt.name, diff)
		}
		if asked != tt.asked || len(r.Fetched) != 1 {
			t.Errorf("%s: asked %d times, and the report has %v", tt.name, asked, r.Fetched)
		}
	}
}
