package kernel

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Inspect tells what the file at path is. A file that is no kernel gives an
// error that wraps ErrNotKernel; a kernel that can't be started gives an Info
// with Problems.
func Inspect(path string) (Info, error) {
	f, err := os.Open(path)
	if err != nil {
		return Info{}, fmt.Errorf("kernel %s: %w", path, bare(err))
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return Info{}, fmt.Errorf("kernel %s: %w", path, bare(err))
	}
	if !fi.Mode().IsRegular() {
		return Info{}, fmt.Errorf("kernel %s: %w: %s", path, ErrNotKernel, kindOf(fi.Mode()))
	}
	i, err := InspectReader(f, fi.Size())
	if err != nil {
		return Info{}, fmt.Errorf("kernel %s: %w", path, err)
	}
	return i, nil
}

// InspectReader tells what the size bytes of r are, as Inspect does. A
// compressed ELF file is unpacked in memory, up to 512 MiB.
func InspectReader(r io.ReaderAt, size int64) (Info, error) {
	head := make([]byte, min(size, headSize))
	if err := readAt(r, head, 0, size); err != nil {
		return Info{}, err
	}
	switch {
	case bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		return inspectELF(r, size)
	case bytes.HasPrefix(head, gzipMagic):
		return inspectGzip(r, size)
	case isBzImage(head):
		return inspectBzImage(r, size)
	}
	return Info{}, fmt.Errorf("%w: %s", ErrNotKernel, identify(head))
}

func inspectELF(r io.ReaderAt, size int64) (Info, error) {
	f, err := openELF(r, size)
	if err != nil {
		return Info{}, err
	}
	i := Info{Size: size}
	switch {
	case f.machine == elf.EM_386 && f.class == elf.ELFCLASS32:
		i.Format, i.Arch = "elf32", "i386"
	case f.machine == elf.EM_X86_64 && f.class == elf.ELFCLASS64:
		i.Format, i.Arch = "elf64", "amd64"
	default:
		return Info{}, fmt.Errorf("%w: an ELF file for %s; only i386 and amd64 are supported", ErrNotKernel, f.machine)
	}
	if i.Boot, err = f.bootProtocols(); err != nil {
		return Info{}, err
	}
	if len(i.Boot) == 0 && !f.kernelLike() {
		return Info{}, fmt.Errorf("%w: %s", ErrNotKernel, f.programKind())
	}
	return i, i.inspectOS(f)
}

// inspectOS finds out which system it is: by NetBSD's note, else by the
// version string.
func (i *Info) inspectOS(f *elfFile) error {
	err := f.notes(func(n note) {
		if n.owner == "NetBSD" && n.typ == netbsdTag {
			i.OS, i.Version = "netbsd", netbsdVersion(n.desc)
		}
	})
	if err != nil {
		return err
	}
	b, err := f.scan()
	if err != nil {
		return err
	}
	switch {
	case i.OS == "netbsd", b.netbsd != "" && b.linux == "":
		err = i.inspectNetBSD(f, b)
	case b.linux != "":
		i.OS, i.Version, i.Modules = "linux", b.linux, true
	}
	i.conclude()
	return err
}

// kernelLike reports whether the file is loaded where user programs are not:
// in the upper half of the addresses, or elsewhere than it is linked for.
func (f *elfFile) kernelLike() bool {
	if f.typ != elf.ET_EXEC {
		return false
	}
	high := uint64(0xc0000000)
	if f.class == elf.ELFCLASS64 {
		high = 1 << 63
	}
	for _, s := range f.segments {
		if s.typ == elf.PT_LOAD && s.vaddr >= high {
			return true
		}
	}
	return false
}

func (f *elfFile) programKind() string {
	switch f.typ {
	case elf.ET_REL:
		return "an object file or kernel module"
	case elf.ET_CORE:
		return "a core dump"
	}
	return fmt.Sprintf("a program or library (%s)", f.machine)
}

func inspectGzip(r io.ReaderAt, size int64) (Info, error) {
	b, err := gunzip(io.NewSectionReader(r, 0, size))
	if err != nil {
		return Info{}, err
	}
	if !bytes.HasPrefix(b, []byte(elf.ELFMAG)) {
		return Info{}, fmt.Errorf("%w: gzip data with %s in it", ErrNotKernel, identify(b[:min(len(b), headSize)]))
	}
	i, err := inspectELF(bytes.NewReader(b), int64(len(b)))
	i.Compression, i.Size = "gzip", size
	return i, err
}

// bare takes path and operation from an error of package os: our messages
// name both already.
func bare(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// both joins two errors, each of which may be nil, in one line.
func both(err, second error) error {
	switch {
	case err == nil:
		return second
	case second == nil:
		return err
	}
	return fmt.Errorf("%w; and: %w", err, second)
}
