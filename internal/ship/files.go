package ship

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mvdan.cc/sh/v3/interp"
)

// rootsOf returns the folders of which a definition in dir may include files:
// its own, the one above it (sailor's checkout), and the one we are in.
func rootsOf(dir string) []string {
	var roots []string
	for _, d := range []string{dir, filepath.Join(dir, ".."), "."} {
		if real, err := realPath(d); err == nil && real != "/" {
			roots = append(roots, real)
		}
	}
	return roots
}

// readableOf returns the folders of which a definition in dir may read any
// file: its own, and sailor's ships beside it, above it and here.
func readableOf(dir string) []string {
	roots := rootsOf(dir)
	var folders []string
	if own, err := realPath(dir); err == nil && own != "/" {
		folders = append(folders, own)
	}
	for _, root := range roots {
		if ships := filepath.Join(root, "ships"); isBelow(ships, roots...) {
			folders = append(folders, ships)
		}
	}
	return folders
}

// find returns the file that name means, relative to dir or to a root, if it
// may be read.
func (s *shell) find(dir, name string) (string, error) {
	candidates := []string{name}
	if filepath.IsAbs(name) {
		candidates = append(candidates, s.builderPath(name)...)
	} else {
		candidates = []string{filepath.Join(dir, name)}
		for _, root := range s.roots {
			candidates = append(candidates, filepath.Join(root, name))
		}
	}
	for _, c := range candidates {
		if real, err := filepath.EvalSymlinks(c); err == nil {
			if !s.host && !isBelow(real, s.roots...) {
				return "", errOutside
			}
			return real, nil
		}
	}
	return "", fs.ErrNotExist
}

// builderPath returns where a file is that smolBSD's builder has at an
// absolute path: its checkout is the builder's root, so that /service/common/x
// is in the folder service, of which a definition's folder is part.
func (s *shell) builderPath(name string) []string {
	var paths []string
	for _, root := range s.roots {
		paths = append(paths, filepath.Join(root, name))
		if below, ok := strings.CutPrefix(filepath.Clean(name), "/"+filepath.Base(root)+"/"); ok {
			paths = append(paths, filepath.Join(root, below))
		}
	}
	return paths
}

var errOutside = errors.New("only files of the ship's folder and of the one above it are read")

// open serves redirections and included files.
func (s *shell) open(ctx context.Context, path string, flag int, _ os.FileMode) (io.ReadWriteCloser, error) {
	if path == os.DevNull {
		return devNull{}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := strings.CutPrefix(path, guardDir); ok {
		return s.openGuard(ctx, n)
	}
	if path == s.included {
		s.included = ""
		return readOnly{bytes.NewReader(s.text)}, nil
	}
	if flag&(os.O_WRONLY|os.O_RDWR|os.O_CREATE|os.O_APPEND|os.O_TRUNC) != 0 {
		return nil, fmt.Errorf("%s: writes to %s: a ship file writes nothing on the host", s.where(ctx), path)
	}
	if s.opened++; s.opened > maxOpened {
		return nil, fmt.Errorf("%s: stopped: more than %d files opened", s.where(ctx), maxOpened)
	}
	real, err := s.find(interp.HandlerCtx(ctx).Dir, path)
	if err == nil && !s.host && !isBelow(real, s.readable...) {
		err = errOutside
	}
	if errors.Is(err, errOutside) {
		return nil, fmt.Errorf("%s: reads %s: a ship file reads files of its own folder and of ships (--allow-host-commands lets it read all)", s.where(ctx), path)
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	b, err := readHead(real)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	s.read.add(real, b)
	return readOnly{bytes.NewReader(b[:min(len(b), maxFile)])}, nil
}

// stat answers tests such as [ -f FILE ]. The host is not the guest: what
// lies outside of the ship's folders does not exist.
func (s *shell) stat(ctx context.Context, name string, follow bool) (fs.FileInfo, error) {
	real, err := s.find(interp.HandlerCtx(ctx).Dir, name)
	if err != nil {
		return nil, &os.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	if follow {
		return os.Stat(real)
	}
	return os.Lstat(real)
}

func (s *shell) readDir(ctx context.Context, path string) ([]fs.DirEntry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened++; s.opened > maxOpened {
		return nil, fmt.Errorf("stopped: more than %d files opened", maxOpened)
	}
	real, err := s.find(interp.HandlerCtx(ctx).Dir, path)
	if err != nil {
		return nil, &os.PathError{Op: "readdir", Path: path, Err: fs.ErrNotExist}
	}
	return os.ReadDir(real)
}

// devNull is /dev/null.
type devNull struct{}

func (devNull) Read([]byte) (int, error)    { return 0, io.EOF }
func (devNull) Write(b []byte) (int, error) { return len(b), nil }
func (devNull) Close() error                { return nil }

// readOnly is an open file that can't be written.
type readOnly struct{ *bytes.Reader }

func (readOnly) Write([]byte) (int, error) { return 0, fs.ErrPermission }
func (readOnly) Close() error              { return nil }
