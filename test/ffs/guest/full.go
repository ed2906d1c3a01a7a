//go:build linux || netbsd

package main

import (
	"errors"
	"fmt"
	"os"
)

// fillInodes makes empty files until there is no inode left, or no room in
// their folder, then removes many of them, in the midst.
func (w *work) fillInodes() error {
	dir := "/inodes"
	if err := os.Mkdir(mountPoint+dir, 0o700); err != nil {
		return err
	}
	names, err := w.fill(dir, func(int) int64 { return 0 })
	w.report.FullInodes = len(names)
	if err != nil {
		return err
	}
	for i, name := range names {
		if i%3 != 1 && i >= len(names)/4 {
			if err := w.delete(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// fillSpace writes files until there is no block left, removes every second
// one, and fills the gaps with small ones.
func (w *work) fillSpace() error {
	dir := "/space"
	if err := os.Mkdir(mountPoint+dir, 0o700); err != nil {
		return err
	}
	large, err := w.fill(dir, func(i int) int64 { return int64(i%7)*777_777 + 100_000 })
	w.report.FullSpace = len(large)
	if err != nil {
		return err
	}
	for i, name := range large {
		if i%2 == 0 {
			if err := w.delete(name); err != nil {
				return err
			}
		}
	}
	if err := os.Mkdir(mountPoint+dir+"/small", 0o700); err != nil {
		return err
	}
	_, err = w.fill(dir+"/small", func(i int) int64 { return int64(i%9) * w.BlockSize / 4 })
	return err
}

// fill makes files in folders of dir until there is no room, and returns their
// names. Folders are small since the kernel searches them from their beginning.
func (w *work) fill(dir string, size func(i int) int64) ([]string, error) {
	var names []string
	for i := 0; ; i++ {
		folder := fmt.Sprintf("%s/%d", dir, i/300)
		err := os.MkdirAll(mountPoint+folder, 0o755)
		name := fmt.Sprintf("%s/%d", folder, i)
		if err == nil {
			err = w.write(name, w.rand.Uint32(), 0, size(i))
		}
		if _, ok := w.files[name]; ok {
			names = append(names, name)
		}
		if errors.Is(err, errFull) {
			return names, nil
		}
		if err != nil {
			return names, err
		}
	}
}
