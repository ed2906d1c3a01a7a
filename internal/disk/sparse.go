package disk

import (
	"bytes"
	"io"
	"os"
)

// sparseFile writes a new file and leaves blocks of zeros out of it. It is
// for files of which no byte is written twice.
type sparseFile struct {
	f  *os.File
	at int64
}

// zeros is one block of them.
var zeros [blockSize]byte

// Write writes b but for the blocks of the file that would be all zeros.
func (s *sparseFile) Write(b []byte) (int, error) {
	written := 0
	for written < len(b) {
		n := s.run(b[written:])
		if _, err := s.f.WriteAt(b[written:written+n], s.at); err != nil {
			return written, err
		}
		s.at += int64(n)
		written += n
		skip := s.blanks(b[written:])
		s.at += int64(skip)
		written += skip
	}
	return written, nil
}

// run returns how many bytes of b come before a whole block of zeros.
func (s *sparseFile) run(b []byte) int {
	n := min(int(-s.at&(blockSize-1)), len(b)) // up to the block's end
	for n < len(b) && !blank(b[n:]) {
		n += min(blockSize, len(b)-n)
	}
	return n
}

// blanks returns how many bytes of whole zero blocks b starts with.
func (s *sparseFile) blanks(b []byte) int {
	n := 0
	for blank(b[n:]) {
		n += blockSize
	}
	return n
}

func blank(b []byte) bool {
	return len(b) >= blockSize && bytes.Equal(b[:blockSize], zeros[:])
}

// Read reads from the current offset.
func (s *sparseFile) Read(b []byte) (int, error) {
	n, err := s.f.ReadAt(b, s.at)
	s.at += int64(n)
	return n, err
}

// Seek sets the offset. The file's end counts without the holes that were
// left behind it.
func (s *sparseFile) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		fi, err := s.f.Stat()
		if err != nil {
			return 0, err
		}
		offset += fi.Size()
	}
	s.at = offset
	return offset, nil
}
