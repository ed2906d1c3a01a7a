package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// setupHeader is what we need of the Linux setup header, at its offsets in
// the bzImage (Documentation/arch/x86/boot.rst).
type setupHeader struct {
	sectors       uint8  // 0x1f1 setup_sects: 512-byte sectors of real-mode code; 0 means 4
	version       uint16 // 0x206 boot protocol, 0x020f
	kernelVersion uint16 // 0x20e offset of the version string, less 0x200
	loadFlags     uint16 // 0x236 xloadflags; bit 0: has a 64-bit entry point
	payloadOffset uint32 // 0x248 from the protected-mode code; protocol 2.08
	payloadLength uint32 // 0x24c bytes
}

const (
	setupEnd       = 0x250
	payloadVersion = 0x0208
)

func isBzImage(head []byte) bool {
	return len(head) >= setupEnd && string(head[0x202:0x206]) == "HdrS" && head[0x1fe] == 0x55 && head[0x1ff] == 0xaa
}

func readSetup(head []byte) setupHeader {
	le := binary.LittleEndian
	h := setupHeader{
		sectors:       head[0x1f1],
		version:       le.Uint16(head[0x206:]),
		kernelVersion: le.Uint16(head[0x20e:]),
		loadFlags:     le.Uint16(head[0x236:]),
		payloadOffset: le.Uint32(head[0x248:]),
		payloadLength: le.Uint32(head[0x24c:]),
	}
	if h.sectors == 0 {
		h.sectors = 4
	}
	return h
}

// inspectBzImage reads the headers only: the vmlinux within stays packed.
func inspectBzImage(r io.ReaderAt, size int64) (Info, error) {
	head := make([]byte, setupEnd)
	if err := readAt(r, head, 0, size); err != nil {
		return Info{}, err
	}
	h := readSetup(head)
	i := Info{Format: "bzimage", OS: "linux", Arch: "i386", Size: size, Boot: []string{BootLinux}, Modules: true}
	if h.loadFlags&1 != 0 {
		i.Arch = "amd64"
	}
	if h.kernelVersion != 0 {
		i.Version = readVersion(r, int64(h.kernelVersion)+0x200, size)
	}
	if h.version >= payloadVersion {
		p, err := payload(r, size, h)
		if err != nil {
			return Info{}, err
		}
		if i.Compression, err = compressionOf(p); err != nil {
			return Info{}, err
		}
	}
	i.conclude()
	return i, nil
}

// readVersion returns the first word of the version string, or "".
func readVersion(r io.ReaderAt, off, size int64) string {
	b := make([]byte, min(256, max(0, size-off)))
	if readAt(r, b, off, size) != nil {
		return ""
	}
	s, _, _ := strings.Cut(cString(b, 0), " ")
	return s
}

// payload is the compressed vmlinux of a bzImage.
func payload(r io.ReaderAt, size int64, h setupHeader) (*io.SectionReader, error) {
	off := (int64(h.sectors)+1)*512 + int64(h.payloadOffset)
	end := off + int64(h.payloadLength)
	if end > size {
		return nil, fmt.Errorf("truncated bzImage: the file has %d bytes, its kernel ends at %d", size, end)
	}
	return io.NewSectionReader(r, off, int64(h.payloadLength)), nil
}

// extractVmlinux unpacks the ELF kernel from a bzImage. For all compressions
// but gzip, Linux's build appends the unpacked size as 4 bytes.
func extractVmlinux(r io.ReaderAt, size int64) ([]byte, error) {
	head := make([]byte, min(headSize, size))
	if err := readAt(r, head, 0, size); err != nil {
		return nil, err
	}
	if !isBzImage(head) {
		return nil, fmt.Errorf("%w: %s, where a bzImage was expected", ErrNotKernel, identify(head))
	}
	h := readSetup(head)
	if h.version < payloadVersion {
		return nil, fmt.Errorf("bzImage of boot protocol %#x: its kernel can't be found; 2.08 (Linux 2.6.26) or later is needed", h.version)
	}
	p, err := payload(r, size, h)
	if err != nil {
		return nil, err
	}
	b, err := unpackPayload(p)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(b, []byte("\x7fELF")) {
		return nil, errors.New("damaged bzImage: no ELF kernel in it")
	}
	return b, nil
}
