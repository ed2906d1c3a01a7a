package build

import (
	"io"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/fakecracker/fakecracker/internal/makedev"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/tree"
)

func TestIsNative(t *testing.T) {
	for text, want := range map[string]bool{
		"echo hello":                    true,
		"echo a > /etc/x && echo b >>y": true,
		`printf '%s\n' "a b" > /x`:      true,
		"true":                          true,
		`echo /etc/*"x"`:                false,
		`echo "*" '?'`:                  true,
		"echo {a..c}":                   false,
		"echo {1..1}":                   false,
		"echo ~":                        false,
		"echo a > /dev/null":            false,
		"echo a > dev/null":             false,
		"echo a > x/":                   false,
		"echo a > $HOME":                false,
		"echo $(id)":                    false,
		"echo -n a":                     false,
		"echo a | cat":                  false,
		"echo a &":                      false,
		"! true":                        false,
		"A=b echo a":                    false,
		"printf %x 3":                   false,
		"printf '%d%%\\n' 10":           true,
		"printf %d 010":                 false,
		"printf '%s ' a b":              false,
		"printf '%\\nd' 1":              false,
		"printf %":                      false,
		"id":                            false,
		"echo 'a":                       false,
	} {
		if got := isNative(ship.Run{Args: []string{"/bin/sh", "-c", text}, Shell: true}, "netbsd"); got != want {
			t.Errorf("isNative(%s) = %t; want %t", text, got, want)
		}
	}
}

func TestShellsOfNativeSteps(t *testing.T) {
	for args, want := range map[string]bool{
		"/bin/sh -c":               true,
		"/bin/bash -o pipefail -c": true,
		"/bin/sh -ec":              true,
		"/bin/sh -xc":              false,
		"/bin/sh":                  false,
		"python3 -c":               false,
	} {
		if got := isNative(ship.Run{Args: append(strings.Fields(args), "true"), Shell: true}, "netbsd"); got != want {
			t.Errorf("isNative with %s = %t; want %t", args, got, want)
		}
	}
}

// TestDevicesThatAreNotKnown has MAKEDEV warn, and make the others.
func TestDevicesThatAreNotKnown(t *testing.T) {
	s, _ := web(t)
	s.Hooks.Build, s.Lines = []string{"cd /dev && sh MAKEDEV ldd0 ptm"}, map[string]int{"run_at_build[0]": 9}
	img, r, err := Build(t.Context(), s, Options{Guest: netbsd})
	if err != nil {
		t.Fatal(err)
	}
	if e, err := img.Tree.Lookup("/dev/ptm"); err != nil || e.Type != tree.Char {
		t.Errorf("/dev/ptm is %v, %v", e.Type, err)
	}
	want := `MAKEDEV(8) on i386 has no "ldd0"; did you mean "ld0"?`
	if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.HasPrefix(n, "ship.conf:9: ") && strings.HasSuffix(n, want) }) {
		t.Errorf("notes: %q; want %s", r.Notes, want)
	}
}

// TestNativeGoesOn has a command fail that is not the last one, as a shell does.
func TestNativeGoesOn(t *testing.T) {
	for _, tt := range []struct {
		text, err string
		made      bool
	}{
		{"echo a > /no/x; echo b > /y", "", true},
		{"echo b > /y; echo a > /no/x", "cannot create /no/x: there is no folder /no", true},
		{"echo a > /no/x && echo b > /y", "cannot create /no/x: there is no folder /no", false},
		{"echo a > /etc || echo b > /y", "", true},
	} {
		var files tree.Tree
		putAll(t, &files, tree.Entry{Path: "/etc", Type: tree.Dir, Mode: 0o755})
		var out strings.Builder
		n := native{tree: &files, run: ship.Run{Args: []string{"/bin/sh", "-c", tt.text}, Shell: true}, arch: "i386", why: "a step", out: &out}
		err := n.do(t.Context())
		if (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("%s: error %v; want %q", tt.text, err, tt.err)
		}
		if _, ok := files.Get("/y"); ok != tt.made || !strings.Contains(out.String(), "cannot create /") {
			t.Errorf("%s: /y is there: %t, and it printed %q", tt.text, ok, out.String())
		}
	}
}

// FuzzNative looks whether what counts as native can be carried out: the only
// errors are about the tree.
func FuzzNative(f *testing.F) {
	for _, text := range []string{
		"echo a > /etc/x && echo b >>y", `printf '%s%%\n' "a b" > /x`, "true # and no more",
		"echo a > /etc", `printf '%d' -3`, "echo a > /x/y", "echo \"a\nb\" > '/a b'", "printf '\\t'",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := ship.Run{Args: []string{"/bin/sh", "-c", text}, Shell: true}
		if _, devices := makedev.Recognise(text); devices || !isNative(r, "netbsd") {
			return
		}
		var files tree.Tree
		if err := files.Put(tree.Entry{Path: "/etc", Type: tree.Dir, Mode: 0o755}); err != nil {
			t.Fatal(err)
		}
		n := native{tree: &files, run: r, arch: "i386", why: "a step", out: io.Discard}
		if err := n.do(t.Context()); err != nil && !strings.HasPrefix(err.Error(), "cannot create ") {
			t.Errorf("%q: %v", text, err)
		}
		for _, e := range files.All() {
			if e.Path != path.Clean(e.Path) || !path.IsAbs(e.Path) {
				t.Errorf("%q made %q", text, e.Path)
			}
		}
	})
}

// TestWhyDoesNotNameTheHost builds one ship in two folders.
func TestWhyDoesNotNameTheHost(t *testing.T) {
	var digests []string
	for range 2 {
		s := dockerfile(t, t.TempDir(), "FROM scratch\nCOPY a /x\nRUN echo hi > /y\n", "a=A")
		img, r, err := Build(t.Context(), s, Options{Guest: linux, FixedTimes: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range img.Tree.All() {
			if e.Content.Host != "" && e.Why != "COPY a /x (Dockerfile:2)" {
				t.Errorf("%s is there because of %q", e.Path, e.Why)
			}
		}
		text := ""
		for _, l := range r.Layers {
			text += l.Text + "\n"
			for _, e := range l.Entries {
				text += e.Path + " " + e.Digest + " " + e.Why + "\n"
			}
		}
		d, err := img.Tree.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, d+"\n"+text)
	}
	if digests[0] != digests[1] {
		t.Errorf("one folder gives\n%s\nthe other\n%s", digests[0], digests[1])
	}
}
