package source

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fakecracker/fakecracker/internal/source/debian/repo/repotest"
)

func TestKeys(t *testing.T) {
	a := repotest.New(t, t.TempDir())
	binary, armored := a.Keyring(t, false), a.Keyring(t, true)
	one, err := os.ReadFile(armored)
	if err != nil {
		t.Fatal(err)
	}
	several := write(t, append(append([]byte("two keys:\n"), one...), append([]byte("\nand\n"), one...)...))
	for file, want := range map[string]int{binary: 1, armored: 1, several: 2} {
		keys, err := Keys(file)
		if err != nil || len(keys) != want {
			t.Errorf("%s: %d keys, %v; want %d", file, len(keys), err, want)
		}
	}
	for name, b := range map[string][]byte{
		"empty":          nil,
		"text":           []byte("no key\n"),
		"cut off":        one[:len(one)/2],
		"an empty armor": []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n"),
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, b)
			if _, err := Keys(file); err == nil || !strings.Contains(err.Error(), file) {
				t.Errorf("the error is %v, not one that names the file", err)
			}
		})
	}
}

func write(t *testing.T, b []byte) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(p, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

func FuzzParseKeys(f *testing.F) {
	a := repotest.New(f, f.TempDir())
	for _, armored := range []bool{true, false} {
		b, err := os.ReadFile(a.Keyring(f, armored))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(bytes.Repeat(b, 2))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if keys, err := parseKeys(b); err == nil && len(keys) == 0 {
			t.Error("neither keys nor an error")
		}
	})
}
