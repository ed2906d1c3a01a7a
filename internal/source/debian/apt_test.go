package debian

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

func TestParseURI(t *testing.T) {
	digest := strings.Repeat("0a", 32)
	const uri = "http://mirror.example/pool/z/zlib1g_1.2%7er1_amd64.deb"
	for _, tt := range []struct {
		name, line string
		want       source.Package
		err        string
	}{
		{
			name: "with an epoch", line: "'" + uri + "' zlib1g_1%3a1.2~r1_amd64.deb 86684 SHA256:" + digest,
			want: source.Package{
				Name: "zlib1g", Version: "1:1.2~r1", Arch: "amd64", File: "zlib1g_1%3a1.2~r1_amd64.deb",
				Size: 86684, Digest: digestPrefix + digest, URL: uri,
			},
		},
		{name: "no digest", line: "'" + uri + "' x_1_all.deb 1 ", err: "no size and digest"},
		{name: "another digest", line: "'" + uri + "' x_1_all.deb 1 MD5Sum:00", err: "no SHA256"},
		{name: "short digest", line: "'" + uri + "' x_1_all.deb 1 SHA256:00", err: "no SHA256"},
		{name: "size", line: "'" + uri + "' x_1_all.deb -1 SHA256:" + digest, err: "a size that is none"},
		{name: "path", line: "'" + uri + "' ../x_1_all.deb 1 SHA256:" + digest, err: "no package"},
		{name: "name", line: "'" + uri + "' x.deb 1 SHA256:" + digest, err: "no package"},
		{name: "nothing", line: "'", err: "no size and digest"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseURI(tt.line)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("parseURI = %v; want %q", err, tt.err)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestAptError(t *testing.T) {
	failed := errors.New("exit status 100")
	for _, tt := range []struct {
		name, stderr string
		err          error
		want         string
		notFound     bool
	}{
		{name: "well, with warnings", stderr: "W: something\n"},
		{name: "unknown", stderr: "E: Unable to locate package ngnix\n", err: failed, want: "package not found: Unable to locate package ngnix", notFound: true},
		{name: "twice", stderr: "W: x\nE: a\nE: b\nE: a\n", err: failed, want: "apt-get: a (and 1 more)"},
		{name: "silent", stderr: "Segmentation fault\n", err: failed, want: "apt-get: exit status 100: Segmentation fault"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := aptError(tt.stderr, tt.err)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != tt.want || errors.Is(err, errNotFound) != tt.notFound {
				t.Errorf("aptError = %v; want %q", err, tt.want)
			}
		})
	}
}

func TestResolveRefusesNames(t *testing.T) {
	s := &Source{Dir: t.TempDir()}
	for _, n := range []string{"", "-o", "nginx-", "../x", "ng*nx", "a b", "nginx=", "Nginx", "x;y"} {
		if _, err := s.Resolve(t.Context(), []string{n}); err == nil || !strings.Contains(err.Error(), "not the name") {
			t.Errorf("Resolve(%q) = %v; want an error about the name", n, err)
		}
	}
	for _, n := range []string{"g++", "libstdc++6", "nginx=1.22.1-9+deb12u1", "libc6:i386", "python3.11"} {
		if !packageName.MatchString(n) {
			t.Errorf("%q is refused", n)
		}
	}
}

func TestResolveWithoutApt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := (&Source{Dir: t.TempDir()}).Resolve(t.Context(), []string{"nginx"})
	if !errors.Is(err, errNoApt) || !strings.HasSuffix(err.Error(), "with --debian ADDRESS") {
		t.Errorf("Resolve = %v; want %v", err, errNoApt)
	}
}

func TestOffline(t *testing.T) {
	s := &Source{Dir: t.TempDir(), Offline: true}
	if _, err := s.Resolve(t.Context(), []string{"nginx"}); err == nil || !strings.Contains(err.Error(), "no package lists yet") {
		t.Errorf("Resolve = %v; want that there are no lists", err)
	}
	p := source.Package{Name: "x", Version: "1", File: "x_1_all.deb", Size: 1, Digest: digestPrefix + strings.Repeat("0", 64)}
	if err := s.Fetch(t.Context(), []source.Package{p}); err == nil || !strings.Contains(err.Error(), "get package x 1: it is not at hand") {
		t.Errorf("Fetch = %v; want that it is not at hand", err)
	}
}

// TestKey asks for the key of lists that are long due for a refresh: what was
// built with them is still what they say.
func TestKey(t *testing.T) {
	s := &Source{Dir: t.TempDir()}
	if k := s.Key(); k != "" {
		t.Errorf("without lists, the key is %q; want none", k)
	}
	old := time.Now().Add(-90 * 24 * time.Hour)
	lists := filepath.Join(s.Dir, "apt-amd64/lists")
	if err := os.MkdirAll(lists, 0o755); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(lists, "mirror.example_main_binary-amd64_Packages")
	for _, p := range []string{list, filepath.Join(s.Dir, "apt-amd64/updated")} {
		if err := errors.Join(os.WriteFile(p, nil, 0o644), os.Chtimes(p, old, old)); err != nil {
			t.Fatal(err)
		}
	}
	first := s.Key()
	if first == "" || s.Key() != first {
		t.Errorf("with old lists, the key is %q; want one that stays", first)
	}
	if err := os.WriteFile(list, []byte("Package: x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if k := s.Key(); k == first || k == "" {
		t.Errorf("with another list, the key is %q; it was that before", k)
	}
	s.Refresh = true
	if k := s.Key(); k != "" {
		t.Errorf("when new lists are wanted, the key is %q; want none", k)
	}
}

// TestKeyOfSources changes what apt is told from outside.
func TestKeyOfSources(t *testing.T) {
	conf, soon := filepath.Join(t.TempDir(), "apt.conf"), time.Now().Add(time.Hour)
	if err := errors.Join(os.WriteFile(conf, nil, 0o644), os.Chtimes(conf, soon, soon)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("APT_CONFIG", conf)
	if got := sourcesChanged(); !got.Equal(soon) {
		t.Errorf("the sources changed at %s; want %s, when APT_CONFIG did", got, soon)
	}
}

func TestChangeMode(t *testing.T) {
	for _, tt := range []struct {
		mode   uint32
		change string
		dir    bool
		want   uint32
	}{
		{0o644, "755", false, 0o755},
		{0o644, "4755", false, 0o4755},
		{0o644, "+x", false, 0o755},
		{0o644, "u+x,go-r", false, 0o700},
		{0o600, "g+s,o=t", true, 0o3600},
		{0o640, "a+rX", true, 0o755},
		{0o640, "a+rX", false, 0o644},
		{0o750, "o=g", false, 0o755},
		{0o777, "g-w+s", false, 0o2757},
	} {
		if got, err := tree.ChangeMode(tt.mode, tt.change, tt.dir); err != nil || got != tt.want {
			t.Errorf("tree.ChangeMode(%o, %s) = %o, %v; want %o", tt.mode, tt.change, got, err, tt.want)
		}
	}
	for _, bad := range []string{"", "z+x", "u+z", "888"} {
		if got, err := tree.ChangeMode(0, bad, false); err == nil {
			t.Errorf("tree.ChangeMode(%q) = %o; want an error", bad, got)
		}
	}
}

// TestArchive takes nginx from the archive that the host's apt uses. It needs
// the network, and no root.
func TestArchive(t *testing.T) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		t.Skip("no apt-get on this host")
	}
	if testing.Short() {
		t.Skip("downloads 10 MB")
	}
	s := &Source{Dir: t.TempDir(), Observer: source.Observer{Progress: func(text string) { t.Log(text) }}}
	pkgs, err := s.Resolve(t.Context(), append(slices.Clone(essentials), "nginx"))
	if err != nil && strings.Contains(err.Error(), "get package lists") {
		t.Skipf("the host's apt sources can't be reached: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Fetch(t.Context(), pkgs); err != nil {
		t.Fatal(err)
	}
	tr, r, err := s.Tree(t.Context(), pkgs)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d packages, %d entries, %d bytes; pruned %d files, %d bytes", len(pkgs), tr.Len(), tr.Size(), r.PrunedFiles, r.PrunedBytes)
	checkNginx(t, &tr)
	if diff := cmp.Diff([]string(nil), unknown(r)); diff != "" {
		t.Errorf("commands that were not done:\n%s", diff)
	}
	if s.Key() == "" {
		t.Error("the package lists have no key, though they are new")
	}

	s.Offline = true
	again, r, err := s.Packages(t.Context(), []string{"nginx"})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Packages {
		if asked := p.Name == "nginx" || slices.Contains(essentials, p.Name); asked != (p.For == "") {
			t.Errorf("%s is there for %q", p, p.For)
		}
	}
	a, errA := tr.Digest()
	b, errB := again.Digest()
	if a != b || errA != nil || errB != nil {
		t.Errorf("digests %s, %s, %v, %v", a, b, errA, errB)
	}
	_, err = s.Resolve(t.Context(), []string{"ngnix"})
	if err == nil || !strings.Contains(err.Error(), `package "ngnix" not found in `) || !strings.Contains(err.Error(), `(did you mean "nginx"?)`) {
		t.Errorf("Resolve = %v; want a suggestion", err)
	}
}

func checkNginx(t *testing.T, tr *tree.Tree) {
	t.Helper()
	for _, p := range []string{"/usr/sbin/nginx", "/bin/sh", "/lib64/ld-linux-x86-64.so.2", "/etc/nginx/sites-enabled/default", "/etc/os-release"} {
		if e, err := tr.Lookup(p); err != nil || e.Type != tree.File || e.Digest == "" {
			t.Errorf("%s: %+v, %v; want a file", p, e, err)
		}
	}
	if e, _ := tr.Get("/var/log/nginx/access.log"); e.UID != 33 || e.GID != 4 || e.Mode != 0o640 {
		t.Errorf("access.log is %s; want it to be www-data's", line(e))
	}
	missing, err := tr.Missing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range missing {
		if strings.HasPrefix(p.Path, "/usr/sbin/nginx") {
			t.Error(p)
		}
	}
}
