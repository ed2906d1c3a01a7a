package archive

import "io"

// Limits of what an archive may hold. The zero value means those of the
// largest that are known, several times over.
type Limits struct {
	Bytes   int64 // of all its files, and of the archive itself unpacked; 0: 64 GiB
	Entries int   // 0: 4 million
	Path    int   // bytes of a path or link; 0: 4096
}

var _ io.Reader
