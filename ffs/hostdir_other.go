//go:build !(darwin || freebsd || linux || netbsd || openbsd)

package ffs

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// HostDir returns the files below a folder of the host as entries, parents
// before children and names in order; the first entry is the root. This host
// tells mode, size, time and links; owners are 0, and a file with several
// names is several files.
func HostDir(dir string) ([]Entry, error) {
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		e, err := portableEntry(name, info)
		if err != nil {
			return err
		}
		e.Path = "/" + strings.TrimPrefix(filepath.ToSlash(strings.TrimPrefix(name, root)), "/")
		entries = append(entries, e)
		return nil
	})
	if err == nil && !entries[0].Mode.IsDir() {
		err = fmt.Errorf("read %s: not a folder", dir)
	}
	if err != nil {
		return nil, err
	}
	return entries, nil
}

func portableEntry(name string, info fs.FileInfo) (Entry, error) {
	e := Entry{Mode: info.Mode(), ModTime: info.ModTime().UTC()}
	var err error
	switch {
	case e.Mode.IsRegular():
		e.Size = info.Size()
		e.Open = func() (io.ReadCloser, error) { return os.Open(name) }
	case e.Mode&fs.ModeSymlink != 0:
		e.Target, err = os.Readlink(name)
		e.Target = filepath.ToSlash(e.Target)
	case !e.Mode.IsDir() && e.Mode.Type() != fs.ModeNamedPipe && e.Mode.Type() != fs.ModeSocket:
		err = fmt.Errorf("read %s: this host does not tell a device's numbers", name)
	}
	return e, err
}
