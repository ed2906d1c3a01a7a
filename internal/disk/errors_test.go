package disk

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/tree"
)

func TestDeriveErrors(t *testing.T) {
	tests := []struct {
		name string
		edit func(t *testing.T, img *image.Image, o *Options)
		want string // part of the error
	}{
		{"unknown system", func(_ *testing.T, i *image.Image, _ *Options) { i.Guest.OS = "plan9" }, `system "plan9"`},
		{"no digest", func(t *testing.T, i *image.Image, _ *Options) {
			put(t, i, tree.Entry{Path: "/x", Type: tree.File})
		}, "/x has no digest"},
		{"long name", func(t *testing.T, i *image.Image, _ *Options) {
			put(t, i, data(t, "/"+strings.Repeat("n", 256), 0o644, nil))
		}, "the name has 256 bytes"},
		{"hard link to nothing", func(t *testing.T, i *image.Image, _ *Options) {
			put(t, i, tree.Entry{Path: "/y", Type: tree.Hardlink, Link: "/none"})
		}, "/y is a hard link to /none"},
		{"host file gone", func(t *testing.T, i *image.Image, _ *Options) {
			e := hosted(t, "/gone", 0, []byte("bytes"))
			if err := os.Remove(e.Content.Host); err != nil {
				t.Fatal(err)
			}
			put(t, i, e)
		}, "/gone: open "},
		{"host file shrank", func(t *testing.T, i *image.Image, _ *Options) {
			e := hosted(t, "/shrunk", 0, []byte("bytes"))
			if err := os.WriteFile(e.Content.Host, []byte("by"), 0o600); err != nil {
				t.Fatal(err)
			}
			put(t, i, e)
		}, "2 bytes long, 5 are wanted (build the image again)"},
		{"host file edited", func(t *testing.T, i *image.Image, _ *Options) {
			e := hosted(t, "/edited", 0, []byte("bytes"))
			if err := os.WriteFile(e.Content.Host, []byte("bites"), 0o600); err != nil {
				t.Fatal(err)
			}
			put(t, i, e)
		}, "/edited: "},
		{"negative free space", func(_ *testing.T, _ *image.Image, o *Options) { o.Free.Bytes = -1 }, "out of range"},
		{"link loop above an extra", func(t *testing.T, i *image.Image, o *Options) {
			put(t, i, tree.Entry{Path: "/loop", Type: tree.Symlink, Link: "loop"})
			o.Extra = []tree.Entry{data(t, "/loop/init", 0o755, nil)}
		}, "symbolic links"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			guests(t, func(t *testing.T, guest string) {
				o := Options{Dir: t.TempDir()}
				img := testImage(t, guest)
				tt.edit(t, &img, &o)
				_, err := Derive(t.Context(), img, o)
				if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("error %v; want one line with %q", err, tt.want)
				}
				if left := names(t, o.Dir); len(left) != 0 {
					t.Errorf("left behind: %q", left)
				}
			})
		})
	}
}

// A context that ends in the midst of the copy leaves nothing.
func TestDeriveCancelled(t *testing.T) {
	guests(t, func(t *testing.T, guest string) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		dir := t.TempDir()
		_, err := Derive(ctx, testImage(t, guest), Options{Dir: dir, Progress: func(done, _ int64) {
			if done > 100_000 {
				cancel()
			}
		}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v; want context.Canceled", err)
		}
		if left := names(t, dir); len(left) != 0 {
			t.Errorf("left behind: %q", left)
		}
	})
}
