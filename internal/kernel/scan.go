package kernel

import (
	"bytes"
	"debug/elf"
	"strings"
)

const (
	scanChunk   = 1 << 20   // bytes read at once
	scanOverlap = 4 << 10   // bytes of the last chunk that are looked at again
	scanLimit   = 256 << 20 // bytes of data that are looked through
	maxConfig   = 4 << 20   // bytes of an embedded configuration
	maxVersion  = 64        // bytes of a version
	maxVersions = 1000      // places in a chunk where one could be
)

// Characters of a version and of a configuration's name, after the first.
const (
	letters      = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	versionChars = letters + ".+~_-"
)

// banners are the strings of a kernel's data that tell what it is.
type banners struct {
	netbsd, netbsdConfig string
	linux                string
	config               int64 // offset of the embedded configuration; 0: none
}

// scan looks through the data of the kernel. Code is left out where there are
// section headers to tell it from data.
func (f *elfFile) scan() (banners, error) {
	var b banners
	var total uint64
	for _, r := range f.dataRanges() {
		if total += r[1]; total > scanLimit {
			break
		}
		if err := f.scanRange(int64(r[0]), int64(r[1]), &b); err != nil {
			return b, err
		}
	}
	return b, nil
}

// dataRanges returns offset and size of what holds data in the file.
func (f *elfFile) dataRanges() [][2]uint64 {
	var rs [][2]uint64
	for _, s := range f.sections {
		if s.typ == elf.SHT_PROGBITS && s.flags&elf.SHF_ALLOC != 0 && s.flags&elf.SHF_EXECINSTR == 0 {
			rs = append(rs, [2]uint64{s.off, s.size})
		}
	}
	if len(rs) > 0 {
		return rs
	}
	for _, s := range f.segments {
		if s.typ == elf.PT_LOAD {
			rs = append(rs, [2]uint64{s.off, s.size})
		}
	}
	return rs
}

func (f *elfFile) scanRange(off, size int64, b *banners) error {
	buf := make([]byte, min(size, scanChunk))
	for done := int64(0); done < size; {
		n := min(size-done, int64(len(buf)))
		if err := readAt(f.r, buf[:n], off+done, f.size); err != nil {
			return err
		}
		b.look(buf[:n], off+done)
		if done+n == size {
			return nil
		}
		done += n - scanOverlap
	}
	return nil
}

// look finds the banners in a chunk that starts at off.
func (b *banners) look(chunk []byte, off int64) {
	if b.netbsd == "" {
		eachVersion(chunk, "NetBSD ", func(version string, rest []byte) bool {
			config, ok := inBrackets(rest)
			if ok {
				b.netbsd, b.netbsdConfig = version, config
			}
			return !ok
		})
	}
	if b.linux == "" {
		eachVersion(chunk, "Linux version ", func(version string, _ []byte) bool {
			b.linux = version
			return false
		})
	}
	if b.config == 0 {
		if bytes.HasPrefix(chunk, []byte(configMark)) {
			b.config = off
		} else if n := bytes.Index(chunk, []byte("\x00"+configMark)); n >= 0 {
			b.config = off + int64(n) + 1
		}
	}
}

// eachVersion calls f with each version that stands after prefix, and with
// what follows it, until f returns false. By hand it is a tenth of what an
// expression takes for a file that is made to cost time.
func eachVersion(b []byte, prefix string, f func(version string, rest []byte) bool) {
	for range maxVersions {
		n := bytes.Index(b, []byte(prefix))
		if n < 0 {
			return
		}
		b = b[n+len(prefix):]
		if len(b) == 0 || b[0] < '0' || b[0] > '9' {
			continue
		}
		if v := span(b); !f(string(b[:v]), b[v:]) {
			return
		}
	}
}

// span counts the characters of a version that b starts with.
func span(b []byte) int {
	n := 0
	for n < min(len(b), maxVersion) && strings.IndexByte(versionChars, b[n]) >= 0 {
		n++
	}
	return n
}

// inBrackets reads " (NAME)".
func inBrackets(b []byte) (string, bool) {
	b, ok := bytes.CutPrefix(b, []byte(" ("))
	n := span(b)
	return string(b[:n]), ok && n > 0 && n < len(b) && b[n] == ')'
}
