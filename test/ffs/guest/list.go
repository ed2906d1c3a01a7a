//go:build linux || netbsd

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/fakecracker/fakecracker/test/ffs/trial"
)

// list describes all that is mounted.
func list(windows []trial.Range) ([]trial.File, error) {
	var files []trial.File
	err := filepath.WalkDir(mountPoint, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		f := describe(path, d, windows)
		files = append(files, f)
		return nil
	})
	return files, err
}

// describe looks path up by its name.
func describe(path string, d fs.DirEntry, windows []trial.Range) trial.File {
	f := trial.File{Path: string("/" + strings.TrimPrefix(strings.TrimPrefix(path, mountPoint), "/"))}
	fi, err := os.Lstat(path)
	if err != nil {
		f.HardToFind = err.Error()
		return f
	}
	st := fi.Sys().(*syscall.Stat_t)
	fill(&f, st)
	if d.Type() != fi.Mode().Type() {
		f.TypeInFolder = fmt.Sprint(d.Type())
	}
	switch fi.Mode().Type() {
	case fs.ModeSymlink:
		var target string
		target, err = os.Readlink(path)
		f.Target = target
	case 0:
		f.Sum, err = sum(path, f.Size, windows)
	}
	if err != nil {
		f.Unreadable = err.Error()
	}
	return f
}

func sum(path string, size int64, windows []trial.Range) (uint32, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return trial.Sum(f, size, windows)
}
