package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/fakecracker/fakecracker/internal/makedev"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// forSailor reports whether the definition was written for sailor, whose
// ships have more than they name: it sets shippath, which we don't use.
func forSailor(s ship.Ship) bool { return s.ShipPath != "" }

// sailorBins are what sailor copies into every ship, if the system has it.
var sailorBins = []string{
	"/libexec/ld.elf_so", "/usr/libexec/ld.elf_so", "/usr/sbin/pwd_mkdb", "/usr/sbin/useradd", "/usr/sbin/groupadd",
	"/usr/sbin/pkg_info", "/bin/sh", "/bin/test", "/sbin/nologin", "/bin/echo", "/bin/ps", "/bin/sleep", "/sbin/sysctl",
	"/usr/bin/logger", "/bin/kill", "/usr/bin/printf", "/sbin/ping", "/sbin/mknod", "/sbin/mount_tmpfs", "/sbin/mount_mfs",
	"/bin/cat", "/bin/ln", "/bin/chmod",
}

// commonFiles are those that sailor's checkout has below ships/common, and a
// ship without that gets from the system's own set etc.
var commonFiles = []string{
	"/etc/rc.conf", "/etc/rc.subr", "/etc/services", "/etc/group", "/etc/master.passwd", "/etc/nsswitch.conf",
	"/etc/mk.conf", "/etc/pam.d", "/etc/defaults/rc.conf", "/etc/defaults/pf.boot.conf", "/etc/defaults/daily.conf",
	"/etc/defaults/monthly.conf", "/etc/defaults/security.conf", "/etc/defaults/weekly.conf",
}

// sailorWhy is the Entry.Why of what sailor puts into every ship.
func (b *builder) sailorWhy() string { return b.because("shippath") + " (every ship of sailor's)" }

// addSailors makes what sailor makes: the standard devices, with MAKEDEV where
// sailor and where the steps of ships look for it, the time zone and the name
// server, which here is the guest's network's.
func (b *builder) addSailors(ctx context.Context) error {
	if b.Guest.OS != "netbsd" || !forSailor(b.ship) {
		return nil
	}
	if err := makedev.Add(&b.tree, b.Guest.Arch, []string{"std"}, b.time(), b.sailorWhy()); err != nil {
		return err
	}
	g, err := b.gatherer(ctx)
	if err != nil {
		return err
	}
	for from, to := range map[string][]string{
		"/dev/MAKEDEV":            {"/dev/MAKEDEV", "/etc/MAKEDEV"},
		"/usr/share/zoneinfo/GMT": {"/etc/localtime"},
	} {
		if err := b.copySystem(ctx, g.Catalog, from, to); err != nil {
			return err
		}
	}
	return b.tree.Put(tree.NewFile("/etc/resolv.conf", 0o644, []byte("nameserver 10.0.2.3\n"), b.time(), b.sailorWhy()))
}

// copySystem puts a file of the system at these paths, if there is one.
func (b *builder) copySystem(ctx context.Context, from tree.Catalog, file string, paths []string) error {
	e, err := systemFile(ctx, from, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, p := range paths {
		e.Path, e.Why = p, b.sailorWhy()
		if err := b.tree.Put(e); err != nil {
			return err
		}
	}
	return nil
}

// systemFile returns a file of the system, which may go by several names.
func systemFile(ctx context.Context, from tree.Catalog, file string) (tree.Entry, error) {
	for range maxHintRounds {
		found, err := from.Get(ctx, []string{file})
		if err != nil {
			return tree.Entry{}, err
		}
		switch e := found[0]; {
		case e.Type == tree.Hardlink, e.Type == tree.Symlink && path.IsAbs(e.Link):
			file = e.Link
		case e.Type == tree.Symlink:
			file = path.Join(path.Dir(file), e.Link)
		default:
			return e, nil
		}
	}
	return tree.Entry{}, fmt.Errorf("%s: its links lead round in a circle", file)
}
