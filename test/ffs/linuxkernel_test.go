package ffs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/xi2/xz"

	"github.com/fakecracker/fakecracker/internal/kernel"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/source/debian"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// A linuxKernel is a kernel with modules in the order in which they are loaded.
type linuxKernel struct {
	image   string
	modules []string
}

// TestLinuxKernel gets the kernel that TestLinux boots, which is how scripts/test
// gets it before it becomes a user without a cache.
func TestLinuxKernel(t *testing.T) {
	k := getLinuxKernel(t)
	if last := k.modules[len(k.modules)-1]; !strings.HasSuffix(last, "-ufs.ko") {
		t.Errorf("the last module is %s; want ufs.ko", last)
	}
}

// getLinuxKernel returns Debian's kernel with its driver for UFS. It is kept for
// later runs.
func getLinuxKernel(t *testing.T) linuxKernel {
	t.Helper()
	dir := os.Getenv("FAKECRACKER_TEST_FFS_LINUX")
	if dir == "" {
		dir = cache(t, "linux-ufs")
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if _, err := exec.LookPath("apt-get"); err != nil {
			count.skip("linux", "no apt-get to get a kernel by")
			t.Skip("no Linux kernel with ufs.ko: this host has no apt-get to get Debian's by")
		}
		if err := fetchLinuxKernel(t, dir); err != nil {
			count.skip("linux", "no kernel to be had")
			t.Skipf("no Linux kernel with ufs.ko: %v", err)
		}
	}
	modules, err := filepath.Glob(filepath.Join(dir, "modules", "*.ko"))
	if err != nil || len(modules) == 0 {
		t.Fatalf("%s has no modules (%v): remove it", dir, err)
	}
	return linuxKernel{filepath.Join(dir, "vmlinux"), modules}
}

// fetchLinuxKernel makes dir: vmlinux, and modules/ with those for virtio's disks
// and ufs.ko, numbered. The "cloud" flavour that guests run has no ufs.ko.
func fetchLinuxKernel(t *testing.T, dir string) error {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	work := t.TempDir()
	source := &debian.Source{Dir: filepath.Join(work, "debian")}
	bundle, ufs, err := debianKernel(ctx, source)
	if err != nil {
		return err
	}
	store := &kernel.Store{Dir: filepath.Join(work, "kernels")}
	k, err := store.ImportLinux(ctx, "full", bundle)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	part, err := os.MkdirTemp(filepath.Dir(dir), "linux-ufs-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(part)
	files := map[string]func() (io.ReadCloser, error){"vmlinux": opener(k.Path)}
	for i, m := range k.Modules {
		files[fmt.Sprintf("modules/%02d-%s", i, filepath.Base(m))] = opener(m)
	}
	files[fmt.Sprintf("modules/%02d-ufs.ko", len(k.Modules))] = ufs
	if err := os.Mkdir(filepath.Join(part, "modules"), 0o755); err != nil {
		return err
	}
	for name, open := range files {
		if err := keep(filepath.Join(part, name), open); err != nil {
			return err
		}
	}
	if err := os.Chmod(part, 0o755); err != nil {
		return err
	}
	return os.Rename(part, dir)
}

func opener(name string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return os.Open(name) }
}

// keep writes what open opens to a file.
func keep(name string, open func() (io.ReadCloser, error)) error {
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o644)
}

// debianKernel gets Debian's kernel for all machines, and the module ufs.ko.
func debianKernel(ctx context.Context, s *debian.Source) (b kernel.Bundle, ufs func() (io.ReadCloser, error), err error) {
	all, err := s.Resolve(ctx, []string{"linux-image-amd64"})
	if err != nil {
		return b, nil, err
	}
	image := regexp.MustCompile(`^linux-image-[0-9].*-amd64$`)
	for _, p := range all {
		if !image.MatchString(p.Name) {
			continue
		}
		if err := s.Fetch(ctx, []source.Package{p}); err != nil {
			return b, nil, err
		}
		files, _, err := s.Tree(ctx, []source.Package{p})
		if err != nil {
			return b, nil, err
		}
		b, ufs = bundleOf(p, files)
	}
	if b.Image == nil || ufs == nil {
		return b, nil, errors.New("linux-image-amd64 brings no kernel with ufs.ko")
	}
	return b, ufs, nil
}

func bundleOf(p source.Package, files tree.Tree) (b kernel.Bundle, ufs func() (io.ReadCloser, error)) {
	b.Origin = p.String()
	for _, e := range files.All() {
		if e.Type != tree.File {
			continue
		}
		open := func() (io.ReadCloser, error) { return e.Open() }
		if strings.HasPrefix(e.Path, "/boot/vmlinuz-") {
			b.Image = open
		}
		if strings.Contains(e.Path, "/lib/modules/") {
			b.Files = append(b.Files, kernel.BundleFile{Path: e.Path, Open: open})
		}
		switch path.Base(e.Path) {
		case "ufs.ko":
			ufs = open
		case "ufs.ko.xz":
			ufs = unpacked(open)
		}
	}
	return b, ufs
}

// unpacked opens what open opens without its xz(1).
func unpacked(open func() (io.ReadCloser, error)) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		r, err := open()
		if err != nil {
			return nil, err
		}
		x, err := xz.NewReader(r, 0)
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		return struct {
			io.Reader
			io.Closer
		}{x, r}, nil
	}
}
