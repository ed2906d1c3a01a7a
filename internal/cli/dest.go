package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// checkDest fails where a file could not be written after all the work: for
// want of its folder, of the right to write there, or as it is a folder itself.
func checkDest(file string) error {
	dir := filepath.Dir(file)
	if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
		return fmt.Errorf("%s: there is no folder %s: make it first", file, dir)
	}
	if fi, err := os.Stat(file); err == nil && fi.IsDir() {
		return fmt.Errorf("%s is a folder: name a file, such as %s", file, filepath.Join(file, "out"))
	}
	return checkWritable(dir)
}

// checkNewFolder fails where a folder could not be filled after all the work,
// which has to be a new or an empty one.
func checkNewFolder(dir string) error {
	if old, err := os.ReadDir(dir); err == nil && len(old) > 0 {
		return fmt.Errorf("folder %s is not empty: remove it, or choose another", dir)
	}
	return checkFolder(dir)
}

// checkFolder fails where dir can't be made, or is there and can't be written to.
func checkFolder(dir string) error {
	above := filepath.Clean(dir) // the one that is there
	fi, err := os.Stat(above)
	for err != nil && above != filepath.Dir(above) {
		above = filepath.Dir(above)
		fi, err = os.Stat(above)
	}
	switch {
	case err != nil:
		return err
	case !fi.IsDir() && above == filepath.Clean(dir):
		return fmt.Errorf("%s is not a folder: choose another name", dir)
	case !fi.IsDir():
		return fmt.Errorf("%s: %s is not a folder: choose another name", dir, above)
	}
	return checkWritable(above)
}

func checkWritable(dir string) error {
	if err := unix.Access(dir, unix.W_OK); err != nil {
		return fmt.Errorf("folder %s can't be written to: %w", dir, err)
	}
	return nil
}
