package disk

import (
	"fmt"
	"testing"

	"github.com/fakecracker/fakecracker/internal/image"
)

// nginxLike has as many entries as Debian's nginx with its dependencies.
func nginxLike(b *testing.B, os string) image.Image {
	img := image.Image{Name: "bench", Guest: image.Guest{OS: os, Arch: "amd64"}}
	for i := range 2000 {
		put(b, &img, data(b, fmt.Sprintf("/usr/share/package-%d/some/folder/file-%d", i%40, i), 0o644, random(100+i*30)))
	}
	return img
}

// BenchmarkWarm is what each start of a machine pays.
func BenchmarkWarm(b *testing.B) {
	img := nginxLike(b, "linux")
	o := Options{Dir: b.TempDir()}
	derived(b, img, o)
	for b.Loop() {
		if d := derived(b, img, o); !d.Cached {
			b.Fatal("not from the cache")
		}
	}
}

func BenchmarkDigestOfTree(b *testing.B) {
	img := nginxLike(b, "linux")
	for b.Loop() {
		if _, err := img.Tree.Digest(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCold(b *testing.B) {
	for _, os := range []string{"netbsd", "linux"} {
		b.Run(os, func(b *testing.B) {
			img := nginxLike(b, os)
			b.SetBytes(img.Tree.Size())
			for b.Loop() {
				derived(b, img, Options{Dir: b.TempDir()})
			}
		})
	}
}
