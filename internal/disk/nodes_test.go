package disk

import (
	"testing"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/tree"
)

func TestNodes(t *testing.T) {
	plan := func(os, arch string, entries ...tree.Entry) map[string]tree.Entry {
		img := image.Image{Guest: image.Guest{OS: os, Arch: arch}}
		put(t, &img, entries...)
		p, err := newPlan(key{}, img, Options{})
		if err != nil {
			t.Fatal(err)
		}
		all := make(map[string]tree.Entry)
		for _, e := range p.entries {
			all[e.Path] = e
		}
		return all
	}
	for arch, minor := range map[string]uint32{"i386": 8 + 3, "amd64": 16 + 3} {
		if e := plan("netbsd", arch)["/dev/rld1d"]; e.Type != tree.Char || e.Major != 69 || e.Minor != minor {
			t.Errorf("netbsd/%s: rld1d is %+v; want minor %d", arch, e, minor)
		}
	}
	t.Run("netbsd", func(t *testing.T) {
		all := plan("netbsd", "i386")
		for _, want := range []string{"/dev/console", "/dev/null", "/dev/rld1d", "/dev/pts", "/kern", "/proc", "/tmp", "/"} {
			if _, ok := all[want]; !ok {
				t.Errorf("no %s", want)
			}
		}
	})
	t.Run("a /dev of its own", func(t *testing.T) {
		all := plan("netbsd", "i386", tree.Entry{Path: "/dev/console", Type: tree.Char, Major: 77})
		if all["/dev/console"].Major != 77 {
			t.Error("a node of the ship's was replaced")
		}
		if _, ok := all["/dev/rld1d"]; !ok {
			t.Error("a ship with nodes lacks the one of the agent's disk")
		}
	})
	t.Run("links in the way", func(t *testing.T) {
		all := plan("linux", "amd64", tree.Entry{Path: "/tmp", Type: tree.Symlink, Link: "var/tmp"}, tree.Entry{Path: "/dev", Type: tree.Symlink, Link: "x"})
		if all["/tmp"].Type != tree.Symlink || all["/dev"].Type != tree.Symlink {
			t.Error("a link of the ship's was replaced")
		}
	})
}
