package mirror

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha512"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Options say what a mirror has.
type Options struct {
	Arches []string // NetBSD's names: i386 and amd64, which both are the default
	Root   string   // folder of this module's go.mod; default: found from the current folder
	// Programs is the folder of the Go programs, as Write leaves it in its
	// own folder of that name; default: they are compiled.
	Programs string
}

// Folders of the mirror, below which it looks like NetBSD's own.
const (
	Releases = "pub/NetBSD"          // NetBSD-10.1/i386/binary/sets/…
	Daily    = "pub/NetBSD-daily"    // netbsd-11/latest/amd64/binary/sets/…
	Packages = "pub/pkgsrc/packages" // NetBSD/x86_64/10.0/All/…
	Programs = "programs"            // i386/userland and the like: what sets and packages are made with
)

// build is the daily build's folder, which "latest" is a link to.
const build = "202611220000Z"

// Write makes the mirror's tree in dir, which is made if need be. The same
// sources give the same bytes.
func Write(ctx context.Context, dir string, o Options) error {
	if o.Root == "" && o.Programs == "" {
		root, err := moduleRoot()
		if err != nil {
			return err
		}
		o.Root = root
	}
	if len(o.Arches) == 0 {
		o.Arches = []string{"i386", "amd64"}
	}
	errs := make([]error, len(o.Arches))
	var wg sync.WaitGroup
	for i, arch := range o.Arches {
		if goarch[arch] == "" {
			return fmt.Errorf("make a mirror for %s: only i386 and amd64 are known", arch)
		}
		wg.Go(func() { errs[i] = writeArch(ctx, dir, o, arch) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func writeArch(ctx context.Context, dir string, o Options, arch string) error {
	p, err := findPrograms(ctx, o, arch)
	if err != nil {
		return err
	}
	names := map[string][]byte{"userland": p.userland, "services": p.services}
	if err := writeFiles(filepath.Join(dir, Programs, arch), names); err != nil {
		return err
	}
	if err := writeSets(dir, arch, p); err != nil {
		return fmt.Errorf("make the sets for %s: %w", arch, err)
	}
	if err := writePackages(ctx, dir, arch, p); err != nil {
		return fmt.Errorf("make the packages for %s: %w", arch, err)
	}
	return nil
}

// writeSets writes the sets of the release, and of the daily build the same.
func writeSets(dir, arch string, p programs) error {
	all, err := makeSets(arch, p.userland)
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	for name, l := range all {
		b, err := l.tar("./")
		if err != nil {
			return err
		}
		if arch == "amd64" { // NetBSD has xz there, and gzip on i386
			files[name+".tar.xz"] = storedXZ(b)
			continue
		}
		if files[name+".tgz"], err = gzipped(b); err != nil {
			return err
		}
	}
	addSums(files)
	daily := filepath.Join(dir, Daily, "netbsd-11")
	for _, release := range []string{filepath.Join(dir, Releases, "NetBSD-10.1"), filepath.Join(daily, build)} {
		if err := writeFiles(filepath.Join(release, arch, "binary/sets"), files); err != nil {
			return err
		}
	}
	return symlink(build, filepath.Join(daily, "latest"))
}

// addSums adds SHA512 and MD5, which name the digests of the others.
func addSums(files map[string][]byte) {
	var long, short bytes.Buffer
	for _, name := range sortedKeys(files) {
		fmt.Fprintf(&long, "SHA512 (%s) = %x\n", name, sha512.Sum512(files[name]))
		fmt.Fprintf(&short, "MD5 (%s) = %x\n", name, md5.Sum(files[name]))
	}
	files["SHA512"], files["MD5"] = long.Bytes(), short.Bytes()
}

// writePackages writes the repository, and its index in every form that it is
// found in.
func writePackages(ctx context.Context, dir, arch string, p programs) error {
	all, err := makePackages(arch, p)
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	var summary, sums strings.Builder
	sorted := map[string]*pkg{}
	for _, one := range all {
		files[one.fileName()] = one.archive
		sorted[one.name] = one
	}
	for _, name := range sortedKeys(sorted) {
		summary.WriteString(sorted[name].summary(arch))
		fmt.Fprintf(&sums, "SHA512 (./All/%s) = %s\n", sorted[name].fileName(), sorted[name].digest())
	}
	if err := addIndex(ctx, files, "pkg_summary", summary.String()); err != nil {
		return err
	}
	list, err := gzipped([]byte(sums.String()))
	if err != nil {
		return err
	}
	top := filepath.Join(dir, Packages, "NetBSD")
	if !digestsInIndex(arch) {
		if err := writeFiles(filepath.Join(top, machineArch(arch), "10.0"), map[string][]byte{"SHA512.gz": list}); err != nil {
			return err
		}
	}
	if err := writeFiles(filepath.Join(top, machineArch(arch), "10.0/All"), files); err != nil {
		return err
	}
	for _, other := range []string{"10.1", "11.0"} { // as the minor releases are on NetBSD's server
		if err := symlink("10.0", filepath.Join(top, machineArch(arch), other)); err != nil {
			return err
		}
	}
	if arch == "amd64" {
		return symlink("x86_64", filepath.Join(top, arch))
	}
	return nil
}

// addIndex adds the index packed by gzip, xz and zstd; and by bzip2 where the
// host has it, since Go can't.
func addIndex(ctx context.Context, files map[string][]byte, name, text string) (err error) {
	if files[name+".gz"], err = gzipped([]byte(text)); err != nil {
		return err
	}
	files[name+".xz"] = storedXZ([]byte(text))
	w, err := zstd.NewWriter(nil)
	if err != nil {
		return err
	}
	files[name+".zst"] = w.EncodeAll([]byte(text), nil)
	if err := w.Close(); err != nil {
		return err
	}
	if _, err := exec.LookPath("bzip2"); err != nil {
		return nil
	}
	c := exec.CommandContext(ctx, "bzip2", "-9")
	c.Stdin = strings.NewReader(text)
	files[name+".bz2"], err = c.Output()
	return err
}

func writeFiles(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, b := range files {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, b, 0o644); err != nil {
			return err
		}
		if err := os.Chtimes(p, made, made); err != nil {
			return err
		}
	}
	return nil
}

// symlink makes a link, which another architecture may have made already.
func symlink(target, name string) error {
	if err := os.Symlink(target, name); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}
