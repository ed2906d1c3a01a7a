package netbsd_test

import (
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/source/netbsd"
	"github.com/fakecracker/fakecracker/internal/tree"
)

const (
	certs   = "/usr/share/certs/mozilla/server/"
	example = "/usr/share/examples/certctl/certs.conf"
	config  = "netbsd-certctl 20230816\n# comment\n\npath \\\n/usr/share/certs/mozilla/server\n"
)

// rootOf is a tree of files by their paths; a text that begins with an arrow
// is a symbolic link's target.
func rootOf(t *testing.T, files map[string]string) *tree.Tree {
	t.Helper()
	var tr tree.Tree
	for p, text := range files {
		e := tree.NewFile(p, 0o644, []byte(text), t0, "set base")
		if target, ok := strings.CutPrefix(text, "->"); ok {
			e = tree.Entry{Path: p, Type: tree.Symlink, Mode: 0o777, Link: target, ModTime: t0}
		}
		if err := tr.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	tr.MakeParents(t0)
	return &tr
}

// hashed are certificates of testdata, by what OpenSSL calls their subjects:
// all kinds of strings, spaces and letters.
func hashed(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	found, err := filepath.Glob("testdata/certs/*.pem")
	if err != nil || len(found) < 5 {
		t.Fatal(found, err)
	}
	for _, p := range found {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(p), ".pem")] = string(b)
	}
	return all
}

// paths lists what Settle made, with links' targets.
func paths(t *testing.T, tr *tree.Tree) []string {
	t.Helper()
	made, err := netbsd.Settle(tr, t0)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range made {
		if e, ok := tr.Get(p); !ok {
			t.Errorf("there is no %s", p)
		} else if e.Link != "" {
			made[i] += " -> " + e.Link
		}
	}
	return made
}

func TestRehash(t *testing.T) {
	files := map[string]string{example: config}
	want := []string{"/etc/openssl/certs", "/etc/openssl/certs.conf", "/etc/openssl/certs/.certctl", "/etc/openssl/certs/ca-certificates.crt"}
	bundle := ""
	all := hashed(t)
	for _, hash := range slices.Sorted(maps.Keys(all)) {
		name := "A" + hash + ".pem"
		files[certs+name] = all[hash]
		bundle += all[hash]
		want = append(want, "/etc/openssl/certs/"+name+" -> "+certs+name, "/etc/openssl/certs/"+hash+".0 -> "+name)
	}
	tr := rootOf(t, files)
	slices.Sort(want)
	for range 2 { // the second time over what it made
		got := paths(t, tr)
		if len(got) < len(want) {
			want = slices.DeleteFunc(want, func(s string) bool { return s == "/etc/openssl/certs.conf" })
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if b, err := tr.ReadFile("/etc/openssl/certs/ca-certificates.crt", 1<<20); err != nil || string(b) != bundle {
		t.Errorf("the bundle has %d bytes, not %d: %v", len(b), len(bundle), err)
	}
	if e, err := tr.Lookup("/etc/openssl/certs/5b8c805b.0"); err != nil || e.Path != certs+"A5b8c805b.pem" {
		t.Errorf("by its hash it is %s, %v", e.Path, err)
	}
}

func TestSettle(t *testing.T) {
	one := hashed(t)["5b8c805b"]
	const hash = "/etc/openssl/certs/5b8c805b.0"
	for name, c := range map[string]struct {
		files map[string]string
		want  string // of the links that are made
	}{
		"nothing":           {map[string]string{"/etc/rc": ""}, ""},
		"a zone":            {map[string]string{"/etc/rc": "", "/usr/share/zoneinfo/GMT": "TZif"}, "/etc/localtime -> /usr/share/zoneinfo/GMT"},
		"another zone":      {map[string]string{"/etc/localtime": "->/usr/share/zoneinfo/CET", "/usr/share/zoneinfo/GMT": "TZif"}, ""},
		"no certificates":   {map[string]string{example: config}, ""},
		"no configuration":  {map[string]string{certs + "a.pem": one}, ""},
		"by hand":           {map[string]string{example: config + "manual\n", certs + "a.pem": one}, ""},
		"others are there":  {map[string]string{example: config, certs + "a.pem": one, "/etc/openssl/certs/mine.pem": one}, ""},
		"one is untrusted":  {map[string]string{example: config, certs + "a.pem": one, certs + "b.pem": one, "/etc/openssl/untrusted/a.pem": "->" + certs + "a.pem"}, hash + " -> b.pem /etc/openssl/certs/b.pem -> " + certs + "b.pem"},
		"the same twice":    {map[string]string{example: config, certs + "a.pem": one, certs + "b.crt": one}, hash + " -> a.pem /etc/openssl/certs/a.pem -> " + certs + "a.pem /etc/openssl/certs/b.crt -> " + certs + "b.crt"},
		"no certificate":    {map[string]string{example: config, certs + "a.pem": "x", certs + "b": one, certs + "c.pem": one + one}, "/etc/openssl/certs/a.pem -> " + certs + "a.pem /etc/openssl/certs/c.pem -> " + certs + "c.pem"},
		"its own file":      {map[string]string{"/etc/openssl/certs.conf": onlyPath("/opt"), example: "x", "/opt/a.cer": one, "/opt/b/c.cer": one}, hash + " -> a.cer /etc/openssl/certs/a.cer -> /opt/a.cer"},
		"an empty folder":   {map[string]string{example: config, certs + "a.pem": one, "/etc/openssl/certs": "dir"}, hash + " -> a.pem /etc/openssl/certs/a.pem -> " + certs + "a.pem"},
		"links to a folder": {map[string]string{example: config, "/opt/a.pem": one, path.Clean(certs): "->/opt"}, hash + " -> a.pem /etc/openssl/certs/a.pem -> " + certs + "a.pem"},
	} {
		t.Run(name, func(t *testing.T) {
			_, empty := c.files["/etc/openssl/certs"]
			delete(c.files, "/etc/openssl/certs")
			tr := rootOf(t, c.files)
			if empty {
				if err := tr.Put(tree.Entry{Path: "/etc/openssl/certs", Type: tree.Dir, Mode: 0o755, ModTime: t0}); err != nil {
					t.Fatal(err)
				}
				tr.MakeParents(t0)
			}
			got := slices.DeleteFunc(paths(t, tr), func(s string) bool { return !strings.Contains(s, " -> ") })
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("made %s\nwant %s", text, c.want)
			}
		})
	}
}

func onlyPath(dir string) string { return "netbsd-certctl 20230816\npath " + dir + "\n" }

func TestSettleWrong(t *testing.T) {
	one := hashed(t)["5b8c805b"]
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"another format": {map[string]string{"/etc/openssl/certs.conf": "path /x\n"}, `certs.conf:1: it does not begin with "netbsd-certctl 20230816"`},
		"another word":   {map[string]string{"/etc/openssl/certs.conf": onlyPath("/x") + "trust y\n"}, `certs.conf:3: "trust y" is neither manual nor a path`},
		"no path":        {map[string]string{"/etc/openssl/certs.conf": onlyPath("x")}, "is neither manual nor a path"},
		"two of a name":  {map[string]string{example: onlyPath("/a") + "path /b\n", "/a/x.pem": one, "/b/x.pem": one}, "have the same name"},
		"a broken link":  {map[string]string{example: onlyPath("/a"), "/a/x.pem": "->gone"}, "/a/x.pem"},
	} {
		_, err := netbsd.Settle(rootOf(t, c.files), t0)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "rehash certificates: ") {
			t.Errorf("%s: the error is %v, not one with %s", name, err, c.want)
		}
	}
}

// TestHashesOfHost compares with what OpenSSL made of the host's certificates.
func TestHashesOfHost(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	found, err := filepath.Glob("/usr/share/ca-certificates/mozilla/*.crt")
	if err != nil || len(found) == 0 {
		t.Skip("the host has no certificates")
	}
	files := map[string]string{example: config}
	for _, p := range found {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		files[certs+filepath.Base(p)] = string(b)
	}
	tr := rootOf(t, files)
	paths(t, tr)
	for _, p := range found {
		out, err := exec.Command("openssl", "x509", "-noout", "-subject_hash", "-in", p).Output()
		if err != nil {
			t.Fatal(err)
		}
		same := slices.ContainsFunc([]string{".0", ".1", ".2"}, func(n string) bool {
			e, ok := tr.Get("/etc/openssl/certs/" + strings.TrimSpace(string(out)) + n)
			return ok && e.Link == filepath.Base(p)
		})
		if !same {
			t.Errorf("there is no link %s of %s", out, p)
		}
	}
}
