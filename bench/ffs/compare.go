package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fakecracker/fakecracker/ffs"
)

// compare reads an image back: it is without faults, every file of the tree is
// in it, and nothing else.
func compare(tree, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	findings, err := ffs.Check(context.Background(), f, fi.Size())
	if err != nil {
		return err
	}
	if len(findings) > 0 {
		return fmt.Errorf("%d findings, the first: %v", len(findings), findings[0])
	}
	image, err := ffs.Open(f)
	if err != nil {
		return err
	}
	n := 0
	for _, err := range image.Entries() {
		if err != nil {
			return err
		}
		n++
	}
	host := os.DirFS(tree)
	err = fs.WalkDir(host, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		n--
		if !d.Type().IsRegular() {
			return nil
		}
		return same(image, host, p)
	})
	if err == nil && n != 0 {
		err = fmt.Errorf("the image has %d files and folders more than the tree", n)
	}
	return err
}

// same compares a file's contents.
func same(image *ffs.FS, host fs.FS, p string) error {
	a, err := image.Open(p)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := host.Open(p)
	if err != nil {
		return err
	}
	defer b.Close()
	x, y := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		n, errA := io.ReadFull(a, x)
		m, errB := io.ReadFull(b, y)
		if n != m || !bytes.Equal(x[:n], y[:m]) {
			return fmt.Errorf("%s has other contents", filepath.Join("/", p))
		}
		if errA != nil || errB != nil {
			return errors.Join(end(errA), end(errB))
		}
	}
}

// end is no error at a file's end.
func end(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil
	}
	return err
}
