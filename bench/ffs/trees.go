package main

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A tree is what file systems are made of.
type tree struct {
	name   string
	beside string // what else it is compared with: copyRange, copyTool or nothing
	fill   func(dir string) error
}

// What the making of a file system is compared with, beside makefs.
const (
	copyRange = "copy_file_range" // of a tree that is one file
	copyTool  = "cp -a"
)

var trees = []tree{
	{name: "/usr/share and Go's source", fill: func(dir string) error {
		root, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			return err
		}
		return errors.Join(copyTree("/usr/share", dir, 0), copyTree(filepath.Join(strings.TrimSpace(string(root)), "src"), dir, 0))
	}},
	{name: "one file of 1 GiB", beside: copyRange, fill: func(dir string) error { return randomFile(filepath.Join(dir, "file"), 1<<30) }},
	{name: "a ship of 60 MB", beside: copyTool, fill: func(dir string) error { return copyTree("/usr/lib/x86_64-linux-gnu", dir, 60e6) }},
}

// A count is the size of a tree.
type count struct {
	entries int
	bytes   int64
}

// make makes the tree in the new folder dir.
func (t tree) make(dir string) (count, error) {
	var n count
	if err := os.Mkdir(dir, 0o755); err != nil {
		return n, err
	}
	if err := t.fill(dir); err != nil {
		return n, err
	}
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err == nil && fi.Mode().IsRegular() {
			n.bytes += fi.Size()
		}
		n.entries++
		return err
	})
	return n, err
}

// copyTree copies from into dir, all of it or the first so many bytes.
func copyTree(from, dir string, limit int64) error {
	if limit == 0 {
		return exec.Command("cp", "-a", from, dir).Run()
	}
	var sum int64
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == from {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		to := filepath.Join(dir, p[len(from):])
		switch {
		case d.IsDir():
			return os.Mkdir(to, 0o755)
		case fi.Mode().IsRegular() && fi.Size() > limit/6: // no ship is one library
			return nil
		}
		if sum += fi.Size(); sum > limit {
			return fs.SkipAll
		}
		return exec.Command("cp", "-a", p, to).Run()
	})
}

// randomFile writes size bytes that no file system can make smaller.
func randomFile(name string, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, 1<<20)
	for ; size > 0; size -= int64(len(b)) {
		_, _ = r.Read(b) // never fails
		if _, err := f.Write(b); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}
