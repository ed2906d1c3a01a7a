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
	"strings"

	"github.com/fakecracker/fakecracker/ffs"
)

// compare reads back what a side made: every file of the tree is in it, and
// nothing else.
func (c comparison) compare(s *side) error {
	if !strings.HasSuffix(s.image, ".img") {
		return nil
	}
	f, err := os.Open(s.image)
	if err != nil {
		return err
	}
	defer f.Close()
	findings, err := ffs.Check(context.Background(), f, s.size)
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
	host := os.DirFS(c.tree)
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
