// Package hostdir takes files from a folder of the host that holds the root of
// a system: one unpacked for the purpose, or / on a host of the guest's own
// kind, as sailor(7) does.
//
// Nothing outside the folder is looked at: a symbolic link in it, absolute or
// not, is an entry with a target, and is not followed.
package hostdir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// A Folder is a folder of the host, as a tree.Catalog. It shows what is there
// at the time of each call; sockets are left out. Several may use it at once.
type Folder struct {
	dir  string // absolute, no symbolic link on the way
	root *os.Root
	// owned is set where the folder belongs to root: then the owners of its
	// files are meant. Else whoever unpacked it owns all, which says nothing
	// about the guest, where all is root's.
	owned bool
}

var _ tree.Catalog = (*Folder)(nil)

// Open opens the folder dir. The caller closes it.
func Open(dir string) (*Folder, error) {
	f, err := open(dir)
	if err != nil {
		return nil, fmt.Errorf("open folder %s: %w", dir, err)
	}
	return f, nil
}

func open(dir string) (*Folder, error) {
	abs, err := filepath.EvalSymlinks(dir)
	if err == nil {
		abs, err = filepath.Abs(abs)
	}
	if err != nil {
		return nil, bare(err)
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, bare(err)
	}
	fi, err := root.Stat(".")
	if err != nil {
		return nil, errors.Join(bare(err), root.Close())
	}
	return &Folder{dir: abs, root: root, owned: sysOf(fi).uid == 0}, nil
}

// Close closes the folder. Entries that Get returned stay valid.
func (f *Folder) Close() error { return f.root.Close() }

// String names the folder.
func (f *Folder) String() string { return "folder " + f.dir }

// Stat implements tree.Catalog. A file with several names is a File at each.
func (f *Folder) Stat(ctx context.Context, p string) (tree.Entry, error) {
	n, err := f.lookup(ctx, p)
	return n.entry, err
}

// Needs implements tree.Catalog.
func (f *Folder) Needs(ctx context.Context, p string) (_ tree.Needs, err error) {
	n, err := f.lookup(ctx, p)
	if err != nil || n.entry.Type != tree.File {
		return tree.Needs{}, err
	}
	r, err := f.openFile(n)
	if err != nil {
		return tree.Needs{}, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	needs, err := tree.ReadNeeds(r)
	if err != nil {
		return tree.Needs{}, fmt.Errorf("read what %s needs: %w", r.Name(), err)
	}
	return needs, nil
}

// Below implements tree.Catalog. Of a file with several names there the first
// is the File, and the others are Hardlinks to it.
func (f *Folder) Below(ctx context.Context, p string) ([]tree.Entry, error) {
	top, err := f.lookup(ctx, p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if top.entry.Type != tree.Dir {
		return []tree.Entry{top.entry}, nil
	}
	nodes, err := f.walk(ctx, p)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(nodes, func(a, b node) int { return strings.Compare(a.entry.Path, b.entry.Path) })
	all := make([]tree.Entry, len(nodes))
	names := make(map[inode]string)
	for i, n := range nodes {
		all[i] = link(names, n)
	}
	return all, nil
}

// walk returns what is at and below the folder at p.
func (f *Folder) walk(ctx context.Context, p string) ([]node, error) {
	var nodes []node
	err := fs.WalkDir(f.root.FS(), relative(p), func(rel string, _ fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		n, err := f.read(path.Join("/", rel))
		if errors.Is(err, errSkipped) {
			return nil
		}
		nodes = append(nodes, n)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read folder %s: %w", f.host(p), err)
	}
	return nodes, nil
}

// Get implements tree.Catalog. Of a file with several names in paths the first
// is the File, and the others are Hardlinks to it.
func (f *Folder) Get(ctx context.Context, paths []string) ([]tree.Entry, error) {
	all := make([]tree.Entry, len(paths))
	names := make(map[inode]string)
	for i, p := range paths {
		n, err := f.lookup(ctx, p)
		if err != nil {
			return nil, err
		}
		all[i] = link(names, n)
		if all[i].Type != tree.File {
			continue
		}
		if err := f.digest(ctx, n, &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// link returns n's entry, or a Hardlink where names has an earlier name of the
// same file.
func link(names map[inode]string, n node) tree.Entry {
	e := n.entry
	if e.Type != tree.File || n.sys.links < 2 {
		return e
	}
	first, ok := names[n.sys.inode]
	if !ok {
		names[n.sys.inode] = e.Path
	} else if first != e.Path {
		e.Type, e.Link, e.Size = tree.Hardlink, first, 0
	}
	return e
}

// digest fills what is known of a file's bytes once they were read.
func (f *Folder) digest(ctx context.Context, n node, e *tree.Entry) (err error) {
	r, err := f.openFile(n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	digest, size, err := tree.DigestOf(tree.Interruptible(ctx, r))
	if err != nil {
		return fmt.Errorf("read %s: %w", r.Name(), err)
	}
	if size != e.Size {
		return fmt.Errorf("read %s: it changed while it was read", r.Name())
	}
	e.Digest, e.Content = digest, tree.Content{Host: f.host(e.Path)}
	return nil
}

// openFile opens the file that n is. What was put in its place meanwhile, such
// as a FIFO without a writer, neither holds it up nor is taken for it.
func (f *Folder) openFile(n node) (*os.File, error) {
	r, err := f.root.OpenFile(relative(n.entry.Path), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", f.host(n.entry.Path), bare(err))
	}
	fi, err := r.Stat()
	if err == nil && !os.SameFile(fi, n.info) {
		err = errors.New("it was replaced while it was read")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", f.host(n.entry.Path), bare(err)), r.Close())
	}
	return r, nil
}

// host returns where on the host the entry at p is.
func (f *Folder) host(p string) string { return filepath.Join(f.dir, relative(p)) }

// relative turns a path of the tree into one of os.Root.
func relative(p string) string {
	if p == "/" {
		return "."
	}
	return strings.TrimPrefix(p, "/")
}

// bare takes the path from an error that a message names already.
func bare(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}
