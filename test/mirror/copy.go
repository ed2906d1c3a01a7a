package mirror

import (
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A Copy is a mirror that has the files of another, and changes as mirrors do
// in time: packages come and go, and files are made anew under their names.
type Copy struct {
	Dir  string
	from string
	all  string // i386/10.0/All
	gone map[string]bool
	spun map[string][]byte // packages that were made anew
}

// NewCopy makes a copy of the mirror in the folder from, as far as it is for
// the architecture i386, in dir. Files are links until they change.
func NewCopy(dir, from string) (*Copy, error) {
	c := &Copy{Dir: dir, from: from, all: filepath.Join(Packages, "NetBSD/i386/10.0/All"), gone: map[string]bool{}, spun: map[string][]byte{}}
	for _, top := range []string{filepath.Join(Releases, "NetBSD-10.1/i386"), filepath.Join(Packages, "NetBSD/i386")} {
		err := filepath.WalkDir(filepath.Join(from, top), func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			to := filepath.Join(dir, strings.TrimPrefix(p, from))
			if d.IsDir() {
				return os.MkdirAll(to, 0o755)
			}
			if d.Type()&fs.ModeSymlink == 0 {
				return os.Symlink(p, to)
			}
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			return os.Symlink(target, to)
		})
		if err != nil {
			return nil, fmt.Errorf("copy the mirror %s: %w", from, err)
		}
	}
	return c, c.index()
}

// Withdraw takes a package, named with its version, out of the repository.
func (c *Copy) Withdraw(name string) error {
	c.gone[name] = true
	if err := os.Remove(filepath.Join(c.Dir, c.all, name+".tgz")); err != nil {
		return err
	}
	return c.index()
}

// Offer puts a package that was withdrawn back.
func (c *Copy) Offer(name string) error {
	delete(c.gone, name)
	file := filepath.Join(c.all, name+".tgz")
	if err := os.Symlink(filepath.Join(c.from, file), filepath.Join(c.Dir, file)); err != nil {
		return err
	}
	return c.index()
}

// Respin makes a package or set anew: under the same name and version, and
// with the same in it, but with other bytes.
func (c *Copy) Respin(name string) error {
	file, isSet := filepath.Join(c.all, name+".tgz"), false
	if _, err := os.Stat(filepath.Join(c.Dir, file)); err != nil {
		file, isSet = filepath.Join(Releases, "NetBSD-10.1/i386/binary/sets", name+".tgz"), true
	}
	b, err := os.ReadFile(filepath.Join(c.Dir, file))
	if err != nil {
		return err
	}
	more, err := gzipped(nil) // RFC 1952: members that follow each other are one file
	if err != nil {
		return err
	}
	b = append(b, more...)
	if err := replace(filepath.Join(c.Dir, file), b); err != nil {
		return err
	}
	if !isSet {
		c.spun[name] = b
		return c.index()
	}
	return c.sum(filepath.Dir(file), name+".tgz", b)
}

// sum puts the digest of a set into the list of digests.
func (c *Copy) sum(dir, name string, b []byte) error {
	list := filepath.Join(c.Dir, dir, "SHA512")
	old, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	var text strings.Builder
	for line := range strings.Lines(string(old)) {
		if strings.Contains(line, "("+name+")") {
			line = fmt.Sprintf("SHA512 (%s) = %x\n", name, sha512.Sum512(b))
		}
		text.WriteString(line)
	}
	return replace(list, []byte(text.String()))
}

// index writes the repository's index of what is in it by now, in one form.
func (c *Copy) index() error {
	text, err := readGzip(filepath.Join(c.from, c.all, "pkg_summary.gz"))
	if err != nil {
		return err
	}
	var summary strings.Builder
	for record := range strings.SplitSeq(strings.TrimSuffix(text, "\n\n"), "\n\n") {
		var out []string
		name := ""
		for _, line := range strings.Split(record, "\n") {
			if n, ok := strings.CutPrefix(line, "PKGNAME="); ok {
				name = n
			}
			if b := c.spun[name]; b != nil && strings.HasPrefix(line, "FILE_CKSUM=") {
				line = fmt.Sprintf("FILE_CKSUM=sha512 %x", sha512.Sum512(b))
			} else if b != nil && strings.HasPrefix(line, "FILE_SIZE=") {
				line = "FILE_SIZE=" + strconv.Itoa(len(b))
			}
			out = append(out, line)
		}
		if !c.gone[name] {
			summary.WriteString(strings.Join(out, "\n") + "\n\n")
		}
	}
	for _, other := range []string{"pkg_summary.xz", "pkg_summary.zst", "pkg_summary.bz2"} {
		if err := os.RemoveAll(filepath.Join(c.Dir, c.all, other)); err != nil {
			return err
		}
	}
	b, err := gzipped([]byte(summary.String()))
	if err != nil {
		return err
	}
	return replace(filepath.Join(c.Dir, c.all, "pkg_summary.gz"), b)
}

// replace writes the file, and not what it was a link to.
func replace(file string, b []byte) error {
	if err := os.Remove(file); err != nil {
		return err
	}
	return os.WriteFile(file, b, 0o644)
}

func readGzip(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	text, err := io.ReadAll(r)
	return string(text), err
}
