package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

var changed = time.Unix(1_700_000_000, 123_456_789).UTC()

func files() []wire.File {
	return []wire.File{
		{Path: "/", Inode: 2, Mode: wire.TypeDir | 0o755, Links: 3, ModTime: changed, ChangeTime: changed},
		{Path: "/dev", Inode: 9, Mode: wire.TypeDir | 0o755, ModTime: changed, ChangeTime: changed, Mounted: true},
		{
			Path: "/a\xff " + strings.Repeat("x", 200), Inode: 1 << 40, Generation: 7, Mode: wire.TypeFile | 0o4755, UID: 1, GID: 1<<32 - 1,
			Links: 1, Size: 5, ModTime: time.Unix(-5, 0).UTC(), ChangeTime: changed, Bytes: true,
		},
		{Path: "/empty", Inode: 5, Mode: wire.TypeFile, ModTime: changed, ChangeTime: changed, Bytes: true},
		{
			Path: "/f", Inode: 6, Mode: wire.TypeFile, ModTime: changed, ChangeTime: changed,
			Xattrs: map[string][]byte{"user.a": []byte("\x00\xff"), "security.capability": []byte(strings.Repeat("c", 64<<10)), "user.none": {}},
		},
		{Path: "/l", Inode: 3, Mode: wire.TypeSymlink | 0o777, Target: "../a", ModTime: changed, ChangeTime: changed},
		{Path: "/n", Inode: 4, Mode: wire.TypeBlock, Major: 259, Minor: 1 << 19, ModTime: changed, ChangeTime: changed},
	}
}

// contents is what the files of the test hold.
func contents(p string) (io.ReadCloser, error) {
	if strings.HasPrefix(p, "/a") {
		return io.NopCloser(strings.NewReader("hello")), nil
	}
	return io.NopCloser(strings.NewReader("")), nil
}

func archive(t testing.TB, files []wire.File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := wire.WriteChanges(&b, files, contents); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// read returns the list and the bytes of the changed files.
func read(b []byte) ([]wire.File, map[string]string, error) {
	c, err := wire.ReadChanges(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, nil, err
	}
	got := map[string]string{}
	for p, r := range c.Bytes {
		text, err := io.ReadAll(r)
		if err != nil {
			return nil, nil, err
		}
		if int64(len(text)) != r.Size() {
			return nil, nil, fmt.Errorf("%d bytes of %d", len(text), r.Size())
		}
		got[p] = string(text)
	}
	return c.Files, got, nil
}

func TestChanges(t *testing.T) {
	got, bodies, err := read(append(archive(t, files()), "an older one's rest"...))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files(), got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{files()[2].Path: "hello", "/empty": ""}, bodies); diff != "" {
		t.Errorf("bytes (-want +got):\n%s", diff)
	}
}

func TestChangesRefused(t *testing.T) {
	one := func(change func(*wire.File)) []byte {
		f := files()[5]
		change(&f)
		return archive(t, []wire.File{f})
	}
	whole := archive(t, files())
	tests := []struct {
		name string
		b    []byte
		want string
	}{
		{"nothing", nil, "unexpected EOF"},
		{"cut short", whole[:700], "unexpected EOF"},
		{"a relative path", one(func(f *wire.File) { f.Path = "a" }), `"a" is not a clean`},
		{"a way out", one(func(f *wire.File) { f.Path = "/../a" }), "not a clean"},
		{"bytes of a link", one(func(f *wire.File) { f.Bytes = true }), "bytes of it are announced"},
		{"a file that leads on", one(func(f *wire.File) { f.Mode = wire.TypeFile }), "can't be"},
		{"attributes of a link", one(func(f *wire.File) { f.Xattrs = map[string][]byte{"user.a": nil} }), "neither a file nor a folder"},
		{"attributes out of order", bytes.Replace(whole, []byte("user.none"), []byte("sorted.no"), 1), "is behind"},
		{"a long attribute", one(func(f *wire.File) {
			f.Mode, f.Target, f.Xattrs = wire.TypeFile, "", map[string][]byte{"user.a": make([]byte, 64<<10+1)}
		}), "at most 65536"},
		{"a long path", one(func(f *wire.File) { f.Path = "/" + strings.Repeat("x", 4096) }), "at most 4096"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, err := read(tt.b); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want %q in it", err, tt.want)
			}
		})
	}
}

// A file that shrank since it was listed, and one that can't be read.
func TestChangesUnwritable(t *testing.T) {
	list := []wire.File{{Path: "/a", Mode: wire.TypeFile, Size: 6, Bytes: true}}
	if err := wire.WriteChanges(io.Discard, list, contents); err == nil {
		t.Error("a file of another size was written")
	}
	err := wire.WriteChanges(io.Discard, list, func(string) (io.ReadCloser, error) { return nil, fs.ErrPermission })
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error %v; want %v", err, fs.ErrPermission)
	}
}

func FuzzReadChanges(f *testing.F) {
	f.Add(archive(f, files()))
	f.Add(archive(f, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, _, err := read(b)
		if err != nil {
			return
		}
		for i := range list {
			list[i].Bytes = false // their bytes are not at hand
		}
		again, _, err := read(archive(t, list))
		if err != nil {
			t.Fatal(err)
		}
		if len(list) > 0 && !cmp.Equal(list, again) {
			t.Error(cmp.Diff(list, again))
		}
	})
}
