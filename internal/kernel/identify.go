package kernel

import (
	"bytes"
	"io/fs"
	"unicode/utf8"
)

// headSize is how much of a file tells what it is: a kernel's Multiboot
// header, tar's magic and the Linux setup header are all within it.
const headSize = 8192

// magics are what people hand over for a kernel by mistake.
var magics = []struct {
	off  int
	mark string
	name string
}{
	{0, "#!", "a script"},
	{0, "QFI\xfb", "a qcow2 disk image"},
	{0, "\xfd7zXZ\x00", "xz data (unpack it first)"},
	{0, "\x28\xb5\x2f\xfd", "zstd data (unpack it first)"},
	{0, "BZh", "bzip2 data (unpack it first)"},
	{0, "!<arch>\n", "an archive or a Debian package"},
	{0, "PK\x03\x04", "a zip archive"},
	{0, "070701", "a cpio archive"},
	{257, "ustar", "a tar archive"},
	{0, "MZ", "an EFI or Windows program"},
	{510, "\x55\xaa", "a disk image or boot sector"},
}

// identify names what the start of a file looks like.
func identify(head []byte) string {
	if len(head) == 0 {
		return "an empty file"
	}
	for _, m := range magics {
		if len(head) > m.off && bytes.HasPrefix(head[m.off:], []byte(m.mark)) {
			return m.name
		}
	}
	if isText(head) {
		return "a text file"
	}
	return "data of an unknown format"
}

// isText reports whether b is UTF-8 without control characters, but for a
// character cut off at the end.
func isText(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return len(b) < utf8.UTFMax && !utf8.FullRune(b)
		}
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' && r != '\f' {
			return false
		}
		b = b[n:]
	}
	return true
}

func kindOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "not a regular file"
}
