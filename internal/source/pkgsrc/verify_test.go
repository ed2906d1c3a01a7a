package pkgsrc

import (
	"bytes"
	"crypto/sha512"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
			Text:    "comparing it and 1 more with published digests: " + s.Mirror + " has none (--lock notes those of what came, and --locked holds to them)",
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
	if _, _, err := s.Packages(t.Context(), []string{"b"}); err == nil || !strings.Contains(err.Error(), "get b-2: its digest is sha256:") || !strings.Contains(err.Error(), "locked is "+locked["b-2.tgz"]) {
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
func signedBy(kind string, sign func(hash []byte) []byte) func(archive []byte) []byte {
	return func(archive []byte) []byte {
		var hash, b bytes.Buffer
		fmt.Fprintf(&hash, "pkgsrc signature\n\nversion: 1\npkgname: a-1\nalgorithm: SHA512\nblock size: %d\nfile size: %d\n\n", testBlock, len(archive))
		for block := range slices.Chunk(archive, testBlock) {
			fmt.Fprintf(&hash, "%x\n", sha512.Sum512(block))
		}
		hash.WriteString("end pkgsrc signature\n")
		b.WriteString(arMagic)
		writeMember(&b, hashName, hash.Bytes())
		writeMember(&b, kind, sign(hash.Bytes()))
		writeMember(&b, "a-1.tgz", archive)
		return b.Bytes()
	}
}

func writeMember(b *bytes.Buffer, name string, body []byte) {
	pad := func(s string, n int) string { return s + strings.Repeat(" ", n-len(s)) }
	size := len(body)
	field := name
	if len(name) > arNameEnd {
		field = "#1/" + strconv.Itoa(len(name))
		size += len(name)
	} else {
		name = ""
	}
	b.WriteString(pad(field, arNameEnd) + pad("0", arSizeStart-arNameEnd) + pad(strconv.Itoa(size), arSizeEnd-arSizeStart) + "`\n" + name)
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
			out.WriteString(arMagic)
			writeMember(&out, gpgName, []byte("x"))
			writeMember(&out, "a-1.tgz", b)
			return out.Bytes()
		}, "no signed package"},
		"two hashes": {func(b []byte) []byte {
			var out bytes.Buffer
			out.WriteString(arMagic)
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
			want := []source.Note{{Package: "a 1", Text: "checking who signed it: no keyring was given"}}
			if diff := cmp.Diff(want, r.Notes); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A signer is a key of OpenPGP.
type signer struct{ home, keyring string }

// newSigner makes a key with gpg, and a keyring of it.
func newSigner(t *testing.T) signer {
	t.Helper()
	for _, name := range []string{"gpg", "gpgv", "gpgconf"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(name, "is not installed")
		}
	}
	home, err := os.MkdirTemp("", "gpg") // its agent's socket needs a short name
	if err != nil {
		t.Fatal(err)
	}
	k := signer{home, filepath.Join(home, "keys")}
	t.Cleanup(func() {
		if err := exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run(); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	k.run(t, nil, "--passphrase", "", "--quick-generate-key", "builder@localhost", "ed25519", "sign", "never")
	if err := os.WriteFile(k.keyring, k.run(t, nil, "--export"), 0o600); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k signer) run(t *testing.T, in []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("gpg", append([]string{"--quiet", "--batch", "--homedir", k.home}, args...)...)
	cmd.Stdin = bytes.NewReader(in)
	var messages bytes.Buffer
	cmd.Stderr = &messages
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("gpg %v: %v: %s", args, err, messages.String())
	}
	return out
}

// TestKeyring takes only packages that a known key signed.
func TestKeyring(t *testing.T) {
	builder, other := newSigner(t), newSigner(t)
	by := func(k signer) func([]byte) []byte {
		return signedBy(gpgName, func(hash []byte) []byte { return k.run(t, hash, "--detach-sign") })
	}
	for name, c := range map[string]struct {
		p    testPackage
		want string
	}{
		"the builder's":     {long(by(builder)), ""},
		"another's":         {long(by(other)), "its signature is not by a key of " + builder.keyring},
		"nobody's":          {long(signedBy(gpgName, nobodys)), "its signature is not by a key of "},
		"of another hash":   {long(signedBy(gpgName, func([]byte) []byte { return builder.run(t, []byte("x"), "--detach-sign") })), "its signature is not by a key of "},
		"by a certificate":  {long(signedBy(x509Name, nobodys)), "its signature is +PKG_SIGNATURE, which a keyring can't verify"},
		"not signed at all": {long(nil), "it is not signed, and only packages signed by a key of " + builder.keyring + " are wanted"},
	} {
		t.Run(name, func(t *testing.T) {
			c.p.noSum = true // a signature is as good
			s := newRepo(t, c.p).source(t)
			s.AllowUnverified = true
			if _, _, err := s.Packages(t.Context(), []string{"a"}); err != nil {
				t.Fatalf("without a keyring: %v", err)
			}
			s.AllowUnverified, s.Keyring = false, builder.keyring // now the package is at hand
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
	f.Add(b[len(arMagic)+arHeaderSize:])
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
