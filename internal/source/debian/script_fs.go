package debian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"mvdan.cc/sh/v3/interp"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// confmodule stands in for debconf's shell library (debconf-devel(7)): its
// commands are ours, and answer through RET.
const confmodule = `
_db_cmd() { RET=$(-debconf "$@"); }
for _db in beginblock capb clear endblock fget fset get go info input metaget previous_module progress purge register reset set settitle stop subst title unregister version x_loadtemplatefile; do
	eval "db_$_db() { _db_cmd $_db \"\$@\"; }"
done
`

// stubs are files that scripts read and that have a version of ours.
var stubs = map[string]string{"/usr/share/debconf/confmodule": confmodule}

// open is the interpreter's way to files, for redirections and ".".
func (s *script) open(ctx context.Context, p string, flag int, perm os.FileMode) (io.ReadWriteCloser, error) {
	p = at(ctx, p)
	if p == "/dev/null" || p == "/dev/stderr" || p == "/dev/stdout" || p == "/dev/tty" {
		return null{}, nil
	}
	if text, ok := stubs[p]; ok && flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		s.need(p)
		s.need("/usr/share/debconf/frontend") // which it starts
		return readFile{strings.NewReader(text)}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		b, err := s.read(p)
		return readFile{bytes.NewReader(b)}, err
	}
	w := &writeFile{s: s, path: p, mode: uint32(perm.Perm()) &^ s.umask}
	if flag&os.O_APPEND != 0 {
		b, err := s.read(p)
		if err != nil && !notExist(err) {
			return nil, err
		}
		w.buf.Write(b)
	}
	return w, s.write(p, w.buf.Bytes(), w.mode)
}

// at returns the absolute path that p is for the interpreter.
func at(ctx context.Context, p string) string {
	if !path.IsAbs(p) {
		p = path.Join(interp.HandlerCtx(ctx).Dir, p)
	}
	return path.Clean(p)
}

type null struct{}

func (null) Read([]byte) (int, error)    { return 0, io.EOF }
func (null) Write(p []byte) (int, error) { return len(p), nil }
func (null) Close() error                { return nil }

type readFile struct{ io.Reader }

func (readFile) Write([]byte) (int, error) { return 0, fs.ErrPermission }
func (readFile) Close() error              { return nil }

// writeFile gathers what is written, and puts it into the tree at its close.
type writeFile struct {
	s    *script
	path string
	mode uint32
	buf  bytes.Buffer
}

func (w *writeFile) Read([]byte) (int, error) { return 0, fs.ErrPermission }

func (w *writeFile) Write(p []byte) (int, error) {
	if w.buf.Len()+len(p) > maxWritten {
		return 0, fmt.Errorf("more than %d bytes are written to %s", maxWritten, w.path)
	}
	return w.buf.Write(p)
}

func (w *writeFile) Close() error {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return w.s.write(w.path, w.buf.Bytes(), w.mode)
}

// read returns a file's bytes.
func (s *script) read(p string) ([]byte, error) {
	if p == "/dev/null" {
		return nil, nil
	}
	return s.to.tree.ReadFile(p, maxWritten)
}

// write puts a file with these bytes at p, or where a link there leads to. A
// file that is there keeps its mode and owner.
func (s *script) write(p string, b []byte, mode uint32) error {
	if s.written += int64(len(b)); s.written > maxWritten {
		return fmt.Errorf("the script writes more than %d bytes", maxWritten)
	}
	to, err := s.to.tree.Resolve(p)
	if err != nil {
		return err
	}
	e := tree.NewFile(to, mode, bytes.Clone(b), s.to.s.time(), s.why())
	if old, err := s.to.tree.Lookup(to); err == nil {
		if old.Type == tree.Dir {
			return fmt.Errorf("%s is a folder", p)
		}
		if old.Type == tree.File { // under all of its names
			e.Path, e.Mode, e.UID, e.GID = old.Path, old.Mode, old.UID, old.GID
			return s.to.tree.Rewrite(e)
		}
		e.Mode, e.UID, e.GID = old.Mode, old.UID, old.GID
	}
	return s.put(e)
}

// maxPath is the longest path that a script may make, in bytes.
const maxPath = 4096

// put adds e below a folder that must be there.
func (s *script) put(e tree.Entry) error {
	if s.made++; s.made > maxMade {
		return fmt.Errorf("the script makes more than %d files", maxMade)
	}
	if len(e.Path) > maxPath {
		return fmt.Errorf("path %.80q… is longer than %d bytes", e.Path, maxPath)
	}
	if dir, err := s.to.tree.Lookup(path.Dir(e.Path)); path.Dir(e.Path) != "/" && (err != nil || dir.Type != tree.Dir) {
		return fmt.Errorf("%s: %w", path.Dir(e.Path), fs.ErrNotExist)
	}
	return s.to.tree.Put(e)
}

func (s *script) why() string { return "package " + s.pkg.String() + ": " + s.name }

// stat is the interpreter's stat(2) and lstat(2).
func (s *script) stat(ctx context.Context, p string, follow bool) (fs.FileInfo, error) {
	p = at(ctx, p)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := stubs[p]; ok {
		return info{tree.Entry{Path: p, Type: tree.File, Mode: 0o644, Size: 1}}, nil
	}
	e, err := s.get(p, follow)
	return info{e}, err
}

// get returns the entry at p; the root and /dev are always there.
func (s *script) get(p string, follow bool) (tree.Entry, error) {
	if p == "/" || p == "/dev" {
		return tree.Entry{Path: p, Type: tree.Dir, Mode: 0o755}, nil
	}
	if p == "/dev/null" {
		return tree.Entry{Path: p, Type: tree.Char, Mode: 0o666, Major: 1, Minor: 3}, nil
	}
	if follow {
		return s.to.tree.Lookup(p)
	}
	q, err := s.to.tree.ResolveParent(p)
	if err != nil {
		return tree.Entry{}, err
	}
	e, ok := s.to.tree.Get(q)
	if !ok {
		return tree.Entry{}, fmt.Errorf("%s: %w", p, fs.ErrNotExist)
	}
	return e, nil
}

// access is the interpreter's access(2), for root.
func (s *script) access(ctx context.Context, p string, mode interp.AccessMode) error {
	fi, err := s.stat(ctx, p, true)
	if err == nil && mode == interp.AccessExec && fi.Mode().IsRegular() && fi.Mode()&0o111 == 0 {
		return fs.ErrPermission
	}
	return err
}

// readDir is the interpreter's readdir(3), for patterns.
func (s *script) readDir(ctx context.Context, p string) ([]fs.DirEntry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list(at(ctx, p))
}

// list returns what is in the folder that p leads to, sorted by name.
func (s *script) list(p string) ([]fs.DirEntry, error) {
	dir, err := s.to.tree.Resolve(p)
	if err != nil {
		return nil, err
	}
	if e, err := s.get(dir, true); err != nil || e.Type != tree.Dir {
		return nil, errors.Join(err, fmt.Errorf("%s: %w", p, fs.ErrNotExist))
	}
	var all []fs.DirEntry
	for _, e := range s.to.tree.Below(dir) {
		if path.Dir(e.Path) == dir && e.Path != dir {
			all = append(all, fs.FileInfoToDirEntry(info{e}))
		}
	}
	return all, nil
}

// info is an entry as fs.FileInfo has it.
type info struct{ e tree.Entry }

func (i info) Name() string       { return path.Base(i.e.Path) }
func (i info) Size() int64        { return i.e.Size }
func (i info) ModTime() time.Time { return i.e.ModTime }
func (i info) IsDir() bool        { return i.e.Type == tree.Dir }

// Sys returns what the interpreter's "test -O" casts it to.
func (i info) Sys() any { return &syscall.Stat_t{Uid: i.e.UID, Gid: i.e.GID} }

func (i info) Mode() fs.FileMode {
	m := fs.FileMode(i.e.Mode & 0o777)
	for bit, set := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if i.e.Mode&bit != 0 {
			m |= set
		}
	}
	switch i.e.Type {
	case tree.Dir:
		m |= fs.ModeDir
	case tree.Symlink:
		m |= fs.ModeSymlink
	case tree.Char:
		m |= fs.ModeDevice | fs.ModeCharDevice
	case tree.Block:
		m |= fs.ModeDevice
	case tree.FIFO:
		m |= fs.ModeNamedPipe
	case tree.Socket:
		m |= fs.ModeSocket
	}
	return m
}
