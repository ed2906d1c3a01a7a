package ffs

import (
	"io"
	"io/fs"
	"time"
)

// An Entry is one name of the tree that an image is made of.
type Entry struct {
	// Path is absolute and clean: "/", "/usr/bin/env". Its folder needs an
	// entry too, only the root may be left out.
	Path string
	// Mode has the type and the permissions, with fs.ModeSetuid,
	// fs.ModeSetgid and fs.ModeSticky.
	Mode     fs.FileMode
	UID, GID uint32
	// Flags are those of chflags(2), such as UF_IMMUTABLE. Those of snapshots
	// and journals are refused.
	Flags uint32
	// ModTime, 1970 if it is zero, and the other times where they differ from
	// it. FFSv1 has no BirthTime and seconds of 32 bits.
	ModTime, AccessTime, ChangeTime, BirthTime time.Time

	// Target is what a symbolic link says, up to 1023 bytes.
	Target string
	// Hardlink is the path of the entry, no folder and no hard link, that
	// this one is another name of. All but Path is then taken from there.
	Hardlink string
	// Major and Minor are the numbers of a device, as NetBSD counts them.
	Major, Minor uint32

	// Size of a regular file's contents.
	Size int64
	// Data says where a sparse file has data, in ascending order without
	// overlaps; the rest are zeros, and whole blocks of them take no room.
	// Nil means that there is data from 0 to Size.
	Data []Range
	// Open opens a regular file's contents. It is called once for each write
	// of the image, not at all for an empty file, and from several
	// goroutines for different entries. Contents that are not Size long are
	// an error. An *os.File is read from its current position on, and large
	// ones are copied within the kernel. What a sparse file opens must be an
	// *os.File or an io.Seeker.
	Open func() (io.ReadCloser, error)
}

// A Range is a part of a file.
type Range struct{ Off, Len int64 }
