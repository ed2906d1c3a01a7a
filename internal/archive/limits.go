package archive

import (
	"context"
	"fmt"
	"io"
)

// Limits of what an archive may hold. The zero value means some tens of times
// what the largest that are known have.
type Limits struct {
	Bytes   int64 // of the archive as it is read, unpacked, and of its files; 0: 64 GiB
	Entries int   // 0: 4 million
	Path    int   // bytes of a path or link; 0: 4096
}

func (l Limits) bytes() int64 { return orElse(l.Bytes, 64<<30) }
func (l Limits) entries() int { return orElse(l.Entries, 4<<20) }
func (l Limits) path() int    { return orElse(l.Path, 4096) }

func orElse[N int | int64](n, otherwise N) N {
	if n == 0 {
		return otherwise
	}
	return n
}

// limited reads no more than limit bytes, and ends with ctx.
type limited struct {
	ctx   context.Context
	r     io.Reader
	n     int64 // bytes read
	limit int64
}

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	if l.n >= l.limit {
		return 0, l.tooMuch(p)
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.limit-l.n)])
	l.n += int64(n)
	return n, err
}

// tooMuch is io.EOF where the archive has just as many bytes as it may.
func (l *limited) tooMuch(p []byte) error {
	if n, err := l.r.Read(p[:min(len(p), 1)]); n == 0 && err != nil {
		return err
	}
	return fmt.Errorf("it unpacks to more than %s: it is damaged, or made to fill disks", size(l.limit))
}

// size returns a number of bytes for people.
func size(n int64) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}
