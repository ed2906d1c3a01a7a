package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Stale is an age at which what is temporary can no longer belong to a living
// writer: a day is longer than the slowest download.
const Stale = 24 * time.Hour

// Sweep removes the files and folders in dir whose names begin with prefix,
// most often Prefix, and which nobody wrote to for the time age. It is for
// folders that are the program's own; it never looks below them. A folder
// that does not exist has nothing to sweep. The error tells what stayed.
func Sweep(dir, prefix string, age time.Duration) error {
	if prefix == "" {
		return fmt.Errorf("sweep %s: no prefix", dir)
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			err = errors.Join(err, removeOld(filepath.Join(dir, e.Name()), age))
		}
	}
	if err != nil {
		return fmt.Errorf("sweep %s: %w", dir, err)
	}
	return nil
}

func removeOld(path string, age time.Duration) error {
	fi, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) { // another's sweep was faster
		return nil
	}
	if err != nil || time.Since(fi.ModTime()) <= age {
		return err
	}
	return os.RemoveAll(path)
}
