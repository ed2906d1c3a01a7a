package pkgsrc

import (
	"bytes"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/archive"
	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/source"
)

// bare are packages of which no digest is published.
func bare() []testPackage {
	return []testPackage{
		{name: "a-1", noSum: true, summary: []string{"DEPENDS=b-[0-9]*"}, files: []testFile{{name: "bin/a", text: "a"}}},
		{name: "b-2", noSum: true, files: []testFile{{name: "bin/b", text: "b"}}},
	}
}

// TestUnverified takes packages that nothing is published about.
func TestUnverified(t *testing.T) {
	r := newRepo(t, bare()...)
	s := r.source(t)
	_, _, err := s.Packages(t.Context(), []string{"a"})
	if !errors.Is(err, errUnverified) || !strings.Contains(err.Error(), "get ") || !strings.Contains(err.Error(), r.url) || !strings.HasSuffix(err.Error(), "use an https address, or --allow-unverified") {
		t.Errorf("by plain http the error is %v", err)
	}
	for name, change := range map[string]func(s *Source){
		"allowed":        func(s *Source) { s.AllowUnverified = true },
		"a folder":       func(s *Source) { s.Mirror = r.dir },
		"a file address": func(s *Source) { s.Mirror = "file://" + r.dir },
	} {
		s := r.source(t)
		change(s)
		_, report, err := s.Packages(t.Context(), []string{"a"})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := []source.Note{{
			Package: "b 2",
			Text:    s.Mirror + " has no digest to compare it and 1 more with (--lock notes those of what came, and --locked holds to them)",
		}}
		if diff := cmp.Diff(want, report.Notes); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		for _, p := range report.Packages {
			if !strings.HasPrefix(p.Digest, "sha256:") || p.Size == 0 {
				t.Errorf("%s: %s has the digest %q", name, p, p.Digest)
			}
		}
		s.AllowUnverified, s.Mirror = false, r.url
		if _, _, err := s.Packages(t.Context(), []string{"a"}); !errors.Is(err, errUnverified) {
			t.Errorf("%s, then by plain http: %v", name, err)
		}
	}
}

// TestLocked holds packages to digests that another build wrote down.
func TestLocked(t *testing.T) {
	r := newRepo(t, bare()...)
	s := r.source(t)
	s.AllowUnverified = true
	_, report, err := s.Packages(t.Context(), []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	locked := make(map[string]string)
	for _, p := range report.Packages {
		locked[p.File] = p.Digest
	}
	for range 2 { // got, and at hand
		s = r.source(t)
		s.Locked = locked
		if _, report, err := s.Packages(t.Context(), []string{"a"}); err != nil || len(report.Notes) > 0 {
			t.Errorf("%v, %v", report.Notes, err)
		}
	}
	other := bare()
	other[1].files[0].text = "c"
	r.write(t, other...)
	s = r.source(t)
	s.Locked = locked
	if _, _, err := s.Packages(t.Context(), []string{"a"}); !errors.Is(err, fetch.ErrDamaged) || !strings.Contains(err.Error(), "/b-2.tgz is damaged") {
		t.Errorf("of another package: %v", err)
	}
	other[0].noSum, other[1].noSum = false, false // published, and not what is locked
	r.write(t, other...)
	s = r.source(t)
	s.Locked = locked
	if _, _, err := s.Packages(t.Context(), []string{"b"}); err == nil || !strings.Contains(err.Error(), "get b-2: it is not as listed: its digest is sha256:") || !strings.Contains(err.Error(), "locked is "+locked["b-2.tgz"]) {
		t.Errorf("of another package that is published: %v", err)
	}
}

// TestPublished finds the list of digests where bulk builds of pkgsrc leave
// it: beside the folder with the packages.
func TestPublished(t *testing.T) {
	var sums strings.Builder
	for _, p := range bare() {
		fmt.Fprintf(&sums, "SHA512 (./All/%s.tgz) = %x\n", p.name, sha512.Sum512(p.archive(t)))
	}
	r := newRepo(t)
	for _, at := range []string{"SHA512", "SHA512.gz", "All/SHA512.gz"} {
		text := sums.String()
		if strings.HasPrefix(at, "All/") {
			text = strings.ReplaceAll(text, "./All/", "")
		}
		b := []byte(text)
		if strings.HasSuffix(at, ".gz") {
			b = gzipped(t, text)
		}
		for _, mirror := range []string{r.url + "/All", r.dir + "/All", r.url + "/All/"} {
			dir := r.dir
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Join(dir, "All"), 0o755); err != nil {
				t.Fatal(err)
			}
			all := testRepo{dir: filepath.Join(dir, "All")}
			all.write(t, bare()...)
			r.writeFile(t, at, b)
			s := r.source(t)
			s.Mirror = mirror
			if _, report, err := s.Packages(t.Context(), []string{"a"}); err != nil || len(report.Notes) > 0 {
				t.Errorf("%s of %s: %v, %v", at, mirror, report.Notes, err)
			}
			all.writeFile(t, "b-2.tgz", bare()[0].archive(t))
			s.Dir = t.TempDir()
			if _, _, err := s.Packages(t.Context(), []string{"a"}); !errors.Is(err, fetch.ErrDamaged) {
				t.Errorf("%s of %s, another package: %v", at, mirror, err)
			}
		}
	}
}

// testBlock is the size of the blocks of signed packages.
const testBlock = 1 << 10

// signedBy wraps a package as pkg_admin does. sign makes what the member of
// that name has.
func signedBy(kind string, sign func(hash []byte) []byte) func(pkg []byte) []byte {
	return func(pkg []byte) []byte {
		var hash, b bytes.Buffer
		fmt.Fprintf(&hash, "pkgsrc signature\n\nversion: 1\npkgname: a-1\nalgorithm: SHA512\nblock size: %d\nfile size: %d\n\n", testBlock, len(pkg))
		for block := range slices.Chunk(pkg, testBlock) {
			fmt.Fprintf(&hash, "%x\n", sha512.Sum512(block))
		}
		hash.WriteString("end pkgsrc signature\n")
		b.WriteString(archive.ArMagic)
		writeMember(&b, hashName, hash.Bytes())
		writeMember(&b, kind, sign(hash.Bytes()))
		writeMember(&b, "a-1.tgz", pkg)
		return b.Bytes()
	}
}

func writeMember(b *bytes.Buffer, name string, body []byte) {
	pad := func(s string, n int) string { return s + strings.Repeat(" ", n-len(s)) }
	size := len(body)
	field := name
	if len(name) > 16 {
		field = "#1/" + strconv.Itoa(len(name))
		size += len(name)
	} else {
		name = ""
	}
	b.WriteString(pad(field, 16) + pad("0", 32) + pad(strconv.Itoa(size), 10) + "`\n" + name)
	b.Write(body)
	if size%2 == 1 {
		b.WriteByte('\n')
	}
}

// long is a package of some blocks.
func long(spoil func([]byte) []byte) testPackage {
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "%x\n", sha512.Sum512([]byte{byte(i), byte(i >> 8)}))
	}
	return testPackage{name: "a-1", files: []testFile{{name: "bin/a", text: text.String()}}, spoil: spoil}
}

func nobodys([]byte) []byte { return []byte("x") }

// TestSigned takes signed packages without looking who signed, and none whose
// bytes were not signed.
func TestSigned(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(b []byte) []byte
		want  string
	}{
		"OpenPGP":        {signedBy(gpgName, nobodys), ""},
		"X.509":          {signedBy(x509Name, nobodys), ""},
		"a changed byte": {func(b []byte) []byte { b = signedBy(gpgName, nobodys)(b); b[len(b)-3000] ^= 1; return b }, "is not the one that was signed"},
		"cut off":        {func(b []byte) []byte { b = signedBy(gpgName, nobodys)(b); return b[:len(b)-3000] }, "unexpected EOF"},
		"another's hash": {func(b []byte) []byte {
			return bytes.Replace(signedBy(gpgName, nobodys)(b), []byte("pkgname: a-1"), []byte("pkgname: b-1"), 1)
		}, "its signature is of the package b-1"},
		"another size": {func(b []byte) []byte {
			return bytes.Replace(signedBy(gpgName, nobodys)(b), []byte("\nfile size: "), []byte("\nfile size:1"), 1)
		}, "its +PKG_HASH is damaged"},
		"no hash": {func(b []byte) []byte {
			var out bytes.Buffer
			out.WriteString(archive.ArMagic)
			writeMember(&out, gpgName, []byte("x"))
			writeMember(&out, "a-1.tgz", b)
			return out.Bytes()
		}, "no signed package"},
		"two hashes": {func(b []byte) []byte {
			var out bytes.Buffer
			out.WriteString(archive.ArMagic)
			writeMember(&out, hashName, []byte("x"))
			writeMember(&out, hashName, []byte("y"))
			return out.Bytes()
		}, "no signed package"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newRepo(t, long(c.spoil)).source(t)
			tr, r, err := s.Packages(t.Context(), []string{"a"})
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "/a-1.tgz") {
					t.Errorf("the error is %v, not one with %s", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, err := tr.ReadFile("/usr/pkg/bin/a", 1<<20); err != nil || string(got) != long(nil).files[0].text {
				t.Errorf("its file has %d bytes, %v", len(got), err)
			}
			want := []source.Note{{Package: "a 1", Text: "who signed it is not checked: no --pkgsrc-keyring was given"}}
			if diff := cmp.Diff(want, r.Notes); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A signer is a key of OpenPGP, and files with its public part.
type signer struct {
	key              *openpgp.Entity
	keyring, armored string
}

func newSigner(t *testing.T) signer {
	t.Helper()
	key, err := openpgp.NewEntity("builder", "", "builder@localhost", nil)
	if err != nil {
		t.Fatal(err)
	}
	var plain, letters bytes.Buffer
	w, err := armor.Encode(&letters, openpgp.PublicKeyType, nil)
	if err != nil {
		t.Fatal(err)
	}
	k := signer{key, filepath.Join(t.TempDir(), "keys"), filepath.Join(t.TempDir(), "keys.asc")}
	if err := errors.Join(key.Serialize(&plain), key.Serialize(w), w.Close(), os.WriteFile(k.keyring, plain.Bytes(), 0o600), os.WriteFile(k.armored, letters.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	return k
}

// sign returns the key's signature of text.
func (k signer) sign(t *testing.T, text []byte, how func(io.Writer, *openpgp.Entity, io.Reader, *packet.Config) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := how(&b, k.key, bytes.NewReader(text), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestKeyring takes only packages that a known key signed.
func TestKeyring(t *testing.T) {
	builder, other := newSigner(t), newSigner(t)
	by := func(k signer, how func(io.Writer, *openpgp.Entity, io.Reader, *packet.Config) error) testPackage {
		return long(signedBy(gpgName, func(hash []byte) []byte { return k.sign(t, hash, how) }))
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	of := func(hash []byte) []byte { return builder.sign(t, append(hash, ' '), openpgp.DetachSign) }
	for name, c := range map[string]struct {
		p       testPackage
		keyring string
		want    string
	}{
		"the builder's":     {by(builder, openpgp.DetachSign), builder.keyring, ""},
		"armored keys":      {by(builder, openpgp.DetachSign), builder.armored, ""},
		"armored":           {by(builder, openpgp.ArmoredDetachSign), builder.keyring, ""},
		"another's":         {by(other, openpgp.DetachSign), builder.keyring, "its signature is not by a key of " + builder.keyring},
		"nobody's":          {long(signedBy(gpgName, nobodys)), builder.keyring, "its signature is not by a key of "},
		"of another hash":   {long(signedBy(gpgName, of)), builder.keyring, "its signature is not by a key of "},
		"by a certificate":  {long(signedBy(x509Name, nobodys)), builder.keyring, "its signature is +PKG_SIGNATURE, which a keyring can't verify"},
		"not signed at all": {long(nil), builder.keyring, "it is not signed, and only packages signed by a key of " + builder.keyring + " are wanted"},
		"no keys":           {by(builder, openpgp.DetachSign), "/nowhere/keys", "read the keys that packages are signed with: open /nowhere/keys: "},
		"no key":            {by(builder, openpgp.DetachSign), empty, "read the keys that packages are signed with: read " + empty + ": there is no OpenPGP key in it"},
	} {
		t.Run(name, func(t *testing.T) {
			c.p.noSum = true // a signature is as good
			s := newRepo(t, c.p).source(t)
			s.AllowUnverified = true
			if _, _, err := s.Packages(t.Context(), []string{"a"}); err != nil {
				t.Fatalf("without a keyring: %v", err)
			}
			s.AllowUnverified, s.Keyring = false, c.keyring // now the package is at hand
			_, r, err := s.Packages(t.Context(), []string{"a"})
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), "get a-1: "+c.want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("the error is %v, not one with %s", err, c.want)
				}
				return
			}
			if err != nil || len(r.Notes) > 0 {
				t.Errorf("%v, %v", r.Notes, err)
			}
		})
	}
}

func FuzzSignedHash(f *testing.F) {
	b := signedBy(gpgName, nobodys)(bytes.Repeat([]byte("x"), 3*testBlock))
	f.Add(b[len(archive.ArMagic)+60:])
	f.Add([]byte("pkgsrc signature\n\nversion: 1\npkgname: a-1\nalgorithm: SHA512\nblock size: 1024\nfile size: 1\n\nabc\nend pkgsrc signature\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseHash(b)
		if err != nil {
			return
		}
		if n := int64(len(h.blocks)); h.size > n*h.blockSize || h.size <= (n-1)*h.blockSize {
			t.Errorf("%d blocks of %d bytes are %d bytes", n, h.blockSize, h.size)
		}
	})
}
