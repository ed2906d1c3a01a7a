package ffs

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// maxLinksFollowed is how many symbolic links a name may lead through
// (MAXSYMLINKS).
const maxLinksFollowed = 32

// maxDepth is how many folders deep a file may be: damage can't make a walk
// endless.
const maxDepth = 4096

var (
	errManyLinks = errors.New("too many symbolic links")
	errDirLoop   = errors.New("damaged: the directory is within itself")
	errDeep      = fmt.Errorf("more than %d folders deep", maxDepth)
)

// validName is fs.ValidPath but for UTF-8.
func validName(name string) bool {
	if name == "." {
		return true
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}

// baseName is the name that FileInfo gives.
func baseName(name string) string { return path.Base(name) }

// A resolver goes along a name.
type resolver struct {
	fs    *FS
	at    []*Inode // the folders from the root down to here, and the file at the end
	rest  []string
	links int
}

// resolve returns the file that name leads to; where its last part is a
// symbolic link, that is followed only if follow says so.
func (f *FS) resolve(name string, follow bool) (*Inode, error) {
	if !validName(name) {
		return nil, fs.ErrInvalid
	}
	root, err := f.inode(rootIno)
	if err != nil {
		return nil, err
	}
	r := resolver{fs: f, at: []*Inode{root}, rest: strings.Split(name, "/")}
	for len(r.rest) > 0 {
		part := r.rest[0]
		r.rest = r.rest[1:]
		if err := r.step(part, follow); err != nil {
			return nil, err
		}
	}
	return r.here(), nil
}

func (r *resolver) here() *Inode { return r.at[len(r.at)-1] }

func (r *resolver) step(part string, follow bool) error {
	if r.here().kind() != typeDir {
		return errNotDir
	}
	switch part {
	case "", ".":
		return nil
	case "..":
		r.at = r.at[:max(1, len(r.at)-1)]
		return nil
	}
	ino, err := r.fs.lookup(r.here(), part)
	if err != nil {
		return err
	}
	i, err := r.fs.inode(ino)
	if err != nil {
		return err
	}
	if i.kind() == typeLink && (follow || len(r.rest) > 0) {
		return r.follow(i)
	}
	if i.kind() == typeDir && slices.ContainsFunc(r.at, func(d *Inode) bool { return d.Number == ino }) {
		return errDirLoop
	}
	if len(r.at) > maxDepth {
		return errDeep
	}
	r.at = append(r.at, i)
	return nil
}

// follow puts what the symbolic link i says before the rest of the name.
func (r *resolver) follow(i *Inode) error {
	if r.links++; r.links > maxLinksFollowed {
		return errManyLinks
	}
	target, err := r.fs.target(i)
	if err != nil {
		return err
	}
	if target == "" {
		return fs.ErrNotExist
	}
	if target[0] == '/' {
		r.at = r.at[:1]
	}
	r.rest = append(strings.Split(target, "/"), r.rest...)
	return nil
}
