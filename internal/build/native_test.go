package build

import (
	"testing"

	"github.com/fakecracker/fakecracker/internal/ship"
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
		"id":                            false,
		"echo 'a":                       false,
	} {
		if got := isNative(ship.Run{Args: []string{"/bin/sh", "-c", text}, Shell: true}, "netbsd"); got != want {
			t.Errorf("isNative(%s) = %t; want %t", text, got, want)
		}
	}
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
