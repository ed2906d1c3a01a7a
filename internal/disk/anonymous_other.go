//go:build !linux

package disk

import (
	"errors"
	"os"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// anonymous returns a new file in dir whose name was removed at once.
func anonymous(dir string) (*os.File, error) { return unnamed(dir) }

// readOnly returns a file in dir that write filled and whose name is gone,
// open for reading only.
func readOnly(dir string, write func(*os.File) error) (*os.File, error) {
	w, err := os.CreateTemp(dir, atomicfile.Prefix+"*")
	if err != nil {
		return nil, err
	}
	err = write(w)
	r, openErr := os.Open(w.Name())
	if err := errors.Join(err, openErr, os.Remove(w.Name()), w.Close()); err != nil {
		if openErr == nil {
			err = errors.Join(err, r.Close())
		}
		return nil, err
	}
	return r, nil
}
