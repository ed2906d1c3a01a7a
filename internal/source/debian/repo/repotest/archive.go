// Package repotest makes archives of Debian packages for tests to serve: with
// keys of their own, signed Release files, and package lists in any
// compression.
package repotest

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// An Archive is a folder with dists and pool, and who signs it.
type Archive struct {
	Dir string
	Key *openpgp.Entity
}

// A Suite is what one suite is published with. Its component is main, its
// processor amd64.
type Suite struct {
	Name     string            // folder in dists, and the Codename
	Fields   map[string]string // of its Release file, in place of the usual ones; empty values take those out
	Packages []Package
	// Exts are the names' ends of the package lists: ".gz" alone when nil.
	Exts     []string
	Detached bool // Release and Release.gpg, not InRelease
	Hidden   bool // lists are there by their digests only
}

// A Package is one that is published.
type Package struct {
	Name, Version string
	Fields        string // further lines of its paragraph, such as "Depends: x\n"
	Deb           []byte // its file; the name when nil
}

// New makes an archive in dir with a new key.
func New(t testing.TB, dir string) *Archive {
	t.Helper()
	return &Archive{Dir: dir, Key: NewKey(t)}
}

// NewKey makes a key to sign with.
func NewKey(t testing.TB) *openpgp.Entity {
	t.Helper()
	config := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return time.Now().Add(-365 * 24 * time.Hour) }}
	key, err := openpgp.NewEntity("archive", "", "archive@example", config)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Keyring writes the archive's key to a file, armored or not, and returns its
// path.
func (a *Archive) Keyring(t testing.TB, armored bool) string {
	t.Helper()
	var b bytes.Buffer
	w := io.WriteCloser(nopCloser{&b})
	if armored {
		var err error
		if w, err = armor.Encode(&b, openpgp.PublicKeyType, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Key.Serialize(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	p := filepath.Join(t.TempDir(), "keyring.gpg")
	if err := os.WriteFile(p, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

type nopCloser struct{ io.Writer }

// Close does nothing.
func (nopCloser) Close() error { return nil }

// Publish writes the suite and its packages.
func (a *Archive) Publish(t testing.TB, s Suite) {
	t.Helper()
	list := a.pool(t, s)
	if s.Exts == nil {
		s.Exts = []string{".gz"}
	}
	sums := sumLine([]byte(list), "main/binary-amd64/Packages") // listed even where it is not there
	for _, ext := range s.Exts {
		b := Compress(t, ext, []byte(list))
		if ext != "" {
			sums += sumLine(b, "main/binary-amd64/Packages"+ext)
		}
		dir := "dists/" + s.Name + "/main/binary-amd64/"
		a.Write(t, dir+"by-hash/SHA256/"+digest(b), b)
		if !s.Hidden {
			a.Write(t, dir+"Packages"+ext, b)
		}
	}
	fields := map[string]string{
		"Suite": "tested-" + s.Name, "Codename": s.Name, "Architectures": "amd64", "Components": "main",
		"Date": Date(time.Now().Add(-time.Hour)), "Valid-Until": Date(time.Now().Add(time.Hour)), "Acquire-By-Hash": "yes",
	}
	maps.Copy(fields, s.Fields)
	a.Sign(t, s, release(fields)+"SHA256:\n"+sums)
}

func release(fields map[string]string) string {
	text := ""
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if fields[name] != "" {
			text += name + ": " + fields[name] + "\n"
		}
	}
	return text
}

// Date writes a time as Release files do.
func Date(t time.Time) string { return t.UTC().Format("Mon, 02 Jan 2006 15:04:05 UTC") }

func sumLine(b []byte, name string) string {
	return fmt.Sprintf(" %s %d %s\n", digest(b), len(b), name)
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// pool writes the packages, and returns their list.
func (a *Archive) pool(t testing.TB, s Suite) string {
	t.Helper()
	var list strings.Builder
	for _, p := range s.Packages {
		deb := p.Deb
		if deb == nil {
			deb = []byte(p.Name + " " + p.Version)
		}
		plain := p.Version[strings.Index(p.Version, ":")+1:] // the epoch is not in files' names
		file := fmt.Sprintf("pool/main/%s/%s_%s_amd64.deb", p.Name, p.Name, plain)
		a.Write(t, file, deb)
		fmt.Fprintf(&list, "Package: %s\nVersion: %s\nArchitecture: amd64\nMaintainer: nobody\n%sFilename: %s\nSize: %d\nSHA256: %s\nDescription: a test\n\n",
			p.Name, p.Version, p.Fields, file, len(deb), digest(deb))
	}
	return list.String()
}

// Sign writes a Release file of this text, signed.
func (a *Archive) Sign(t testing.TB, s Suite, text string) {
	t.Helper()
	config := &packet.Config{DefaultHash: crypto.SHA512}
	dir := "dists/" + s.Name + "/"
	var sig bytes.Buffer
	if s.Detached {
		if err := openpgp.ArmoredDetachSign(&sig, a.Key, strings.NewReader(text), config); err != nil {
			t.Fatal(err)
		}
		a.Write(t, dir+"Release", []byte(text))
		a.Write(t, dir+"Release.gpg", sig.Bytes())
		return
	}
	w, err := clearsign.Encode(&sig, a.Key.PrivateKey, config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	a.Write(t, dir+"InRelease", append(sig.Bytes(), '\n'))
}

// Write writes a file of the archive.
func (a *Archive) Write(t testing.TB, name string, b []byte) {
	t.Helper()
	p := filepath.Join(a.Dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Change replaces a text in a file of the archive, which must have it.
func (a *Archive) Change(t testing.TB, name, old, other string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(a.Dir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte(old)) {
		t.Fatalf("%s has no %q", name, old)
	}
	a.Write(t, name, bytes.Replace(b, []byte(old), []byte(other), 1))
}

// Compress packs b as a file whose name ends in ext is. It skips the test
// where this host has no program for it.
func Compress(t testing.TB, ext string, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch ext {
	case "":
		return b
	case ".gz":
		w = gzip.NewWriter(&out)
	case ".zst":
		w, err = zstd.NewWriter(&out)
	default:
		return compressBy(t, map[string]string{".xz": "xz", ".bz2": "bzip2"}[ext], b)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func compressBy(t testing.TB, program string, b []byte) []byte {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("this host has no %s", program)
	}
	cmd := exec.CommandContext(t.Context(), path, "-c")
	cmd.Stdin = bytes.NewReader(b)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}
