package makefs

import (
	"os"

	"golang.org/x/sys/unix"
)

// takeName gives the file at temporary the name of another, which it removes.
//
// A plain rename over a file makes ext4 write all of the new one to the disk
// first (auto_da_alloc in ext4(5)), which takes longer than to make it. An
// exchange of names is atomic too, without that.
func takeName(temporary, name string) error {
	err := unix.Renameat2(unix.AT_FDCWD, temporary, unix.AT_FDCWD, name, unix.RENAME_EXCHANGE)
	if err != nil { // there is nothing at name, or no exchange on this file system
		return os.Rename(temporary, name)
	}
	return os.Remove(temporary)
}
