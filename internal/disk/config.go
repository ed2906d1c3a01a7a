package disk

import (
	"errors"
	"fmt"
	"os"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// sector is the smallest unit of a virtio disk, in bytes.
const sector = 512

// ConfigDisk returns a file without a name, open for reading only, that holds
// content and zeros up to a whole sector. On Linux it is in memory, so that
// keys in content reach no disk; elsewhere it is in the folder dir.
func ConfigDisk(dir string, content []byte) (*os.File, error) {
	f, err := readOnly(dir, func(f *os.File) error {
		if _, err := f.Write(content); err != nil {
			return err
		}
		sectors := max(1, (int64(len(content))+sector-1)/sector)
		return f.Truncate(sectors * sector)
	})
	if err != nil {
		return nil, fmt.Errorf("make the configuration disk: %w", err)
	}
	return f, nil
}

// unnamed makes a file in dir and removes its name at once.
func unnamed(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, atomicfile.Prefix+"*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
