package store_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/ffs"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/image/store"
	"github.com/fakecracker/fakecracker/internal/partition"
)

// smolDisk writes a disk as smolBSD makes them: a GPT, and in it an FFSv1.
func smolDisk(t *testing.T, name string, version int) string {
	t.Helper()
	text := func(path string, mode fs.FileMode, b string) ffs.Entry {
		return ffs.Entry{Path: path, Mode: mode, Size: int64(len(b)), ModTime: t0, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(b)), nil
		}}
	}
	link := text("/sh", fs.ModeSymlink|0o777, "")
	link.Target = "bin/sh"
	null := text("/null", fs.ModeDevice|fs.ModeCharDevice|0o666, "")
	null.Major, null.Minor = 2, 2
	layout, err := ffs.Plan([]ffs.Entry{
		text("/", fs.ModeDir|0o755, ""), text("/bin", fs.ModeDir|0o755, ""), text("/bin/sh", fs.ModeSetuid|0o755, "shell"),
		{Path: "/bin/ksh", Hardlink: "/bin/sh"},
		text("/etc", fs.ModeDir|0o755, ""), text("/etc/rc", 0o644, "echo up\n"), link, null,
		text("/sbin", fs.ModeDir|0o755, ""), text("/sbin/init", 0o755, "init"),
	}, ffs.Options{BlockSize: 4096, Version: version})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	around := partition.Single{Scheme: partition.GPT, Size: layout.Size(), Name: "webroot"}
	if err := layout.Write(context.Background(), f, around.Offset()); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(around.DiskSize()); err != nil {
		t.Fatal(err)
	}
	if err := around.Write(f); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

var smolFiles = []string{
	"dir /", "dir /bin", "file /bin/ksh shell", "hardlink /bin/sh -> /bin/ksh", "dir /etc", "file /etc/rc echo up\n",
	"char /null", "dir /sbin", "file /sbin/init init", "link /sh -> bin/sh",
}

func TestLoadDisk(t *testing.T) {
	for _, version := range []int{1, 2} {
		s := newStore(t)
		infos, err := s.Load(t.Context(), smolDisk(t, "web-amd64:1.img", version), store.TakeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := infos[0]; got.Name() != "web:1" || got.Guest.String() != "netbsd/amd64" || !got.Config.Init || got.History[0].CreatedBy != "disk web-amd64:1.img" {
			t.Errorf("got %+v", got)
		}
		img := open(t, s, "web:1")
		if diff := cmp.Diff(smolFiles, paths(t, img.Tree)); diff != "" {
			t.Errorf("FFSv%d (-want +got):\n%s", version, diff)
		}
		if e, _ := img.Tree.Get("/bin/ksh"); e.Mode != 0o4755 {
			t.Errorf("/bin/ksh has the mode %o", e.Mode)
		}
	}
}

func TestLoadDiskOfNoKnownGuest(t *testing.T) {
	s, disk := newStore(t), smolDisk(t, "web.img", 1)
	if _, err := s.Load(t.Context(), disk, store.TakeOptions{}); err == nil || !strings.Contains(err.Error(), "--guest") {
		t.Errorf("error %v", err)
	}
	wish := image.Guest{OS: "netbsd", Arch: "i386"}
	infos, err := s.Load(t.Context(), disk, store.TakeOptions{Guest: wish})
	if err != nil || infos[0].Guest != wish {
		t.Errorf("Load = %+v, %v", infos, err)
	}
}

func TestLoadDiskRefuses(t *testing.T) {
	ext := make([]byte, 1<<20)
	copy(ext[1080:], "\x53\xef")
	for _, tt := range []struct {
		name, want string
		disk       []byte
	}{
		{"Linux's", "ext2", ext},
		{"zeros", "no FFS", make([]byte, 1<<20)},
		{"nothing", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, name := newStore(t), filepath.Join(t.TempDir(), "web-amd64.img")
			if err := os.WriteFile(name, tt.disk, 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Load(t.Context(), name, store.TakeOptions{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want one with %q", err, tt.want)
			}
			if all := leftovers(t, s); len(all) != 0 {
				t.Errorf("left behind: %v", all)
			}
		})
	}
}

// TestDiskArtifact: smolBSD's form goes out and comes in, by archive and by
// registry.
func TestDiskArtifact(t *testing.T) {
	f, err := os.Open(smolDisk(t, "disk", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out bytes.Buffer
	if err := store.WriteDisk(t.Context(), &out, "team/web:1", image.Guest{OS: "netbsd", Arch: "amd64"}, f); err != nil {
		t.Fatal(err)
	}
	loaded := load(t, newStore(t), out.Bytes())[0]
	if loaded.Name() != "team/web:1" || loaded.Guest.Arch != "amd64" {
		t.Errorf("loaded %+v", loaded)
	}
	reg, s := serve(t, nil), newStore(t)
	push(t, unpack(t, out.Bytes()), reg.addr+"/web-amd64:1")
	pulled, err := s.Pull(t.Context(), reg.addr+"/web-amd64:1", store.TakeOptions{Names: []string{"web"}})
	if err != nil || pulled.ID != loaded.ID || pulled.Name() != "web:latest" {
		t.Errorf("pulled %+v, %v; want %s", pulled, err, loaded.ID)
	}
	if diff := cmp.Diff(smolFiles, paths(t, open(t, s, "web").Tree)); diff != "" {
		t.Errorf("the files (-want +got):\n%s", diff)
	}
	damaged := bytes.Clone(out.Bytes())
	damaged[len(damaged)/2] ^= 1
	if _, err := newStore(t).LoadFrom(t.Context(), bytes.NewReader(damaged), store.TakeOptions{}); err == nil {
		t.Error("a damaged disk was loaded")
	}
}
