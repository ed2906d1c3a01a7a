package repo

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"

	"github.com/fakecracker/fakecracker/internal/source/debian/repo/repotest"
)

func FuzzParseRelease(f *testing.F) {
	digest := strings.Repeat("0a", 32)
	f.Add("Suite: stable\nDate: Sat, 11 Jan 2025 09:59:10 UTC\nAcquire-By-Hash: yes\nSHA256:\n " + digest + " 12 main/binary-amd64/Packages.xz\n")
	f.Add("Codename: x\nArchitectures: all amd64\nDate: Sat, 1 Feb 2025 09:59:10 +0000\nValid-Until: Sat, 08 Feb 2025 09:59:10 UTC\nSHA256:\n " + digest + " 0 a\n")
	f.Add("SHA256:\n x\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRelease([]byte(text))
		if err != nil {
			return
		}
		for p, l := range r.files {
			if !fs.ValidPath(p) || !isSHA256(l.sha256) || l.size < 0 {
				t.Errorf("the file %q: %+v", p, l)
			}
		}
		if r.date.IsZero() && !strings.Contains(text, "0001") {
			t.Error("there is no date")
		}
		if dirs, err := r.lists("main", "amd64"); err == nil && len(dirs) == 0 {
			t.Error("neither lists nor an error")
		}
	})
}

func FuzzReadPackages(f *testing.F) {
	digest := strings.Repeat("0a", 32)
	f.Add("Package: a\nVersion: 1:2-3\nArchitecture: amd64\nFilename: pool/a.deb\nSize: 1\nSHA256: " + digest + "\nDepends: b (>= 1) | c:any,\n d\nProvides: v (= 1)\n\n")
	f.Add("Package: a\n\nPackage: b\n x\n")
	f.Add(" x")
	f.Fuzz(func(t *testing.T, text string) {
		var first, again bytes.Buffer
		if err := writeStored(&first, strings.NewReader(text)); err != nil {
			return
		}
		// What is kept of what is kept is the same.
		if err := writeStored(&again, bytes.NewReader(first.Bytes())); err != nil || !bytes.Equal(first.Bytes(), again.Bytes()) {
			t.Errorf("%v\n%q\n%q", err, first.Bytes(), again.Bytes())
		}
		x := newIndex("here", "amd64")
		if err := x.add(bytes.NewReader(first.Bytes()), "/archive", 0); err != nil {
			t.Fatal(err)
		}
		x.finish()
		for _, name := range x.Names() {
			pkgs, err := x.Resolve([]string{name}, nil)
			for _, p := range pkgs {
				if err != nil || strings.ContainsAny(p.File, "/\x00") || !strings.HasPrefix(p.URL, "/archive/") {
					t.Errorf("%+v, %v", p, err)
				}
			}
		}
	})
}

func FuzzCompareVersions(f *testing.F) {
	f.Add("1:1.2~rc1-1", "1.2-1", "1.2+b1")
	f.Add("1-~", "1", "0001")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if CompareVersions(a, a) != 0 || CompareVersions(a, b) != -CompareVersions(b, a) {
			t.Errorf("%q and %q: %d, %d", a, b, CompareVersions(a, b), CompareVersions(b, a))
		}
		if CompareVersions(a, b) <= 0 && CompareVersions(b, c) <= 0 && CompareVersions(a, c) > 0 {
			t.Errorf("%q, %q and %q are in a circle", a, b, c)
		}
	})
}

// FuzzVerify changes a signed file: nothing but what was signed is ever taken.
func FuzzVerify(f *testing.F) {
	a := repotest.New(f, f.TempDir())
	s := hello()
	a.Publish(f, s)
	in, err := os.ReadFile(filepath.Join(a.Dir, "dists/here/InRelease"))
	if err != nil {
		f.Fatal(err)
	}
	s.Detached = true
	a.Publish(f, s)
	text, err := os.ReadFile(filepath.Join(a.Dir, "dists/here/Release"))
	if err != nil {
		f.Fatal(err)
	}
	sig, err := os.ReadFile(filepath.Join(a.Dir, "dists/here/Release.gpg"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(in, []byte(nil))
	f.Add(text, sig)
	f.Add([]byte("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nx\n-----BEGIN PGP SIGNATURE-----\n\n=\n-----END PGP SIGNATURE-----"), []byte(nil))
	keys := keyring{keys: openpgp.EntityList{a.Key}, from: "here"}
	now := time.Now()
	trim := func(b []byte) string {
		var lines []string
		for l := range strings.Lines(string(b)) {
			lines = append(lines, strings.TrimRight(l, " \t\r\n"))
		}
		return strings.TrimRight(strings.Join(lines, "\n"), "\n")
	}
	f.Fuzz(func(t *testing.T, text2, sig2 []byte) {
		got, err := signed{Text: text2, Signature: sig2}.verify(keys, now)
		if err == nil && trim(got) != trim(text) {
			t.Errorf("taken: %q", got)
		}
	})
}
