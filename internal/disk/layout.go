package disk

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/partition"
)

// A Layout says how a NetBSD root disk is laid out. The zero value is what
// NetBSD finds as root=ld0a without any table: a bare little-endian FFSv2 with
// blocks of 16 KiB. Linux's ext4 has no other.
type Layout struct {
	// Scheme is partition.Bare, Disklabel or GPT; "" stands for Bare.
	Scheme partition.Scheme
	// Label names the GPT's partition, and so the wedge of root=NAME=…; ""
	// stands for the image's name with "root" behind it. A disklabel takes it
	// for the disk's name.
	Label string
	// Version of FFS, 1 or 2; 0 stands for 2.
	Version int
	// BigEndian is for guests of that byte order.
	BigEndian bool
	// BlockSize is a power of two from 4 to 64 KiB; 0 stands for 16 KiB.
	// Fragments are an eighth of it.
	BlockSize int
}

// resolve fills in what stands for something, and refuses what can't be.
func (l Layout) resolve(img image.Image, fs string) (Layout, error) {
	if fs != FFS {
		if l != (Layout{}) {
			return l, fmt.Errorf("the disk of a %s guest is a bare %s: it has no other layout", img.Guest.OS, fs)
		}
		return Layout{Scheme: partition.Bare}, nil
	}
	l.Scheme = cmp.Or(l.Scheme, partition.Bare)
	l.Version = cmp.Or(l.Version, 2)
	l.BlockSize = cmp.Or(l.BlockSize, 16<<10)
	switch {
	case l.Scheme == partition.Bare:
		l.Label = "" // there is nothing that it names
	case l.Scheme == partition.GPT && l.Label == "":
		l.Label = img.Name + "root"
	}
	if strings.ContainsAny(l.Label, " \t") {
		return l, fmt.Errorf("partition name %q: the kernel's command line, which names it, can't have blanks", l.Label)
	}
	return l, partition.Single{Scheme: l.Scheme, Name: l.Label}.Check()
}

// boot returns what the kernel's root= says to boot from the disk.
func (l Layout) boot(fs string) string {
	switch {
	case fs == Ext4:
		return "/dev/vda"
	case l.Scheme == partition.GPT:
		return "NAME=" + l.Label
	}
	return "ld0a"
}

// around returns the disk around a file system of size bytes.
func (k key) around(size int64) (partition.Single, error) {
	s := partition.Single{
		Scheme: k.layout.Scheme, Name: k.layout.Label, Size: size,
		BlockSize: k.layout.BlockSize, FragmentSize: k.layout.BlockSize / 8,
	}
	digest, err := hex.DecodeString(k.digest)
	if err != nil {
		return s, err
	}
	copy(s.Seed[:], digest)
	return s, s.Check()
}

// root returns the part of the disk of size bytes in r that has the file
// system. A disk with another layout than the key's is an error.
func (k key) root(r io.ReaderAt, size int64) (*io.SectionReader, error) {
	t, err := partition.Find(r, size)
	if err != nil {
		return nil, err
	}
	if t.Scheme != k.layout.Scheme || len(t.Partitions) != 1 {
		return nil, fmt.Errorf("a %s disk with %d partitions", t.Scheme, len(t.Partitions))
	}
	p := t.Partitions[0]
	return io.NewSectionReader(r, p.Offset, p.Size), nil
}
