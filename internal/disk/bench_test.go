package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// nginxLike has as many entries as Debian's nginx with its dependencies, and
// their 60 MB. Where the contents are files of the host is what dir is for; it
// may be empty.
func nginxLike(b *testing.B, system, dir string) image.Image {
	img := image.Image{Name: "bench", Guest: image.Guest{OS: system, Arch: "amd64"}}
	for i := range 2000 {
		e := data(b, fmt.Sprintf("/usr/share/package-%d/some/folder/file-%d", i%40, i), 0o644, random(100+i*30))
		if dir != "" {
			host := filepath.Join(dir, fmt.Sprint(i))
			if err := os.WriteFile(host, e.Content.Data, 0o600); err != nil {
				b.Fatal(err)
			}
			e.Content = tree.Content{Host: host}
		}
		put(b, &img, e)
	}
	return img
}

// BenchmarkWarm is what each start of a machine pays.
func BenchmarkWarm(b *testing.B) {
	for _, system := range []string{"netbsd", "linux"} {
		b.Run(system, func(b *testing.B) {
			img := nginxLike(b, system, "")
			o := Options{Dir: b.TempDir()}
			derived(b, img, o)
			for b.Loop() {
				if d := derived(b, img, o); !d.Cached {
					b.Fatal("not from the cache")
				}
			}
		})
	}
}

func BenchmarkDigestOfTree(b *testing.B) {
	img := nginxLike(b, "linux", "")
	for b.Loop() {
		if _, err := img.Tree.Digest(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCold makes the disk, of contents in memory and of files of the
// host.
func BenchmarkCold(b *testing.B) {
	for _, system := range []string{"netbsd", "linux"} {
		for _, where := range []string{"memory", "files"} {
			b.Run(system+"/"+where, func(b *testing.B) {
				dir := ""
				if where == "files" {
					dir = b.TempDir()
				}
				img := nginxLike(b, system, dir)
				b.SetBytes(img.Tree.Size())
				for b.Loop() {
					derived(b, img, Options{Dir: b.TempDir()})
				}
			})
		}
	}
}
