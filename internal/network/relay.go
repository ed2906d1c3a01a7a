package network

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
)

// Sizes of the buffers between two connections, in bytes. A connection that
// rests holds a small one, so that ten thousand of them cost 80 MB and not
// 1.3 GB; one that fills it gets a large one.
const (
	smallBuffer = 4 << 10
	largeBuffer = 64 << 10
)

// buffers are those of one stack's connections that are in nobody's use.
type buffers struct {
	small, large sync.Pool // of *[]byte
}

func (b *buffers) get(pool *sync.Pool, size int) *[]byte {
	if p, ok := pool.Get().(*[]byte); ok {
		return p
	}
	p := make([]byte, size)
	return &p
}

// A stream is a connection of which each direction can end by itself, or both
// at once with an error.
type stream interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// relay copies between a client and the guest until both have ended their
// direction. If either fails, or ctx ends, both are reset.
func (s *Stack) relay(ctx context.Context, client *net.TCPConn, guest *Conn) {
	var once sync.Once
	abort := func() {
		once.Do(func() {
			reset(client)
			guest.Abort()
		})
	}
	stop := context.AfterFunc(ctx, abort)
	defer stop()
	var up sync.WaitGroup
	up.Go(func() {
		if s.pump(guest, client) != nil {
			abort()
		}
	})
	if s.pump(client, guest) != nil {
		abort()
	}
	up.Wait()
	once.Do(func() {
		_ = client.Close() // both directions have ended in order
		_ = guest.Close()
	})
}

// pump copies src to dst and passes the end of src on.
func (s *Stack) pump(dst, src stream) error {
	small := s.buffers.get(&s.buffers.small, smallBuffer)
	defer s.buffers.small.Put(small)
	for {
		n, err := src.Read(*small)
		if n > 0 {
			if _, err := dst.Write((*small)[:n]); err != nil {
				return err
			}
		}
		if err == nil && n == smallBuffer {
			err = s.gush(dst, src)
		}
		if errors.Is(err, io.EOF) {
			return dst.CloseWrite()
		}
		if err != nil {
			return err
		}
	}
}

// gush copies with a large buffer as long as there is much to copy.
func (s *Stack) gush(dst, src stream) error {
	large := s.buffers.get(&s.buffers.large, largeBuffer)
	defer s.buffers.large.Put(large)
	for {
		n, err := src.Read(*large)
		if n > 0 {
			if _, err := dst.Write((*large)[:n]); err != nil {
				return err
			}
		}
		if err != nil || n < smallBuffer {
			return err
		}
	}
}
