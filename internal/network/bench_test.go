package network

import (
	"io"
	"net"
	"testing"
)

// BenchmarkStack is a stack's making and its end.
func BenchmarkStack(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		s, err := New(Config{})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkConnect is a new connection to a published port, one byte there and
// back, and its end.
func BenchmarkConnect(b *testing.B) {
	s, g := pair(b)
	g.echo(7)
	s.MarkReady()
	addr := publish(b, s, 7).Addr().String()
	buf := make([]byte, 1)
	for b.Loop() {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := conn.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(conn, buf); err != nil {
			b.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRoundTrip is one byte there and back on an open connection.
func BenchmarkRoundTrip(b *testing.B) {
	s, g := pair(b)
	g.echo(7)
	conn := connect(b, publish(b, s, 7))
	buf := make([]byte, 1)
	for b.Loop() {
		if _, err := conn.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(conn, buf); err != nil {
			b.Fatal(err)
		}
	}
}

const bulk = 32 << 20 // bytes

// BenchmarkBulkOut is 32 MiB from the guest to a client of a published port.
func BenchmarkBulkOut(b *testing.B) {
	s, g := pair(b)
	data := make([]byte, 1<<20)
	g.serve(7, func(conn net.Conn) {
		for range bulk / len(data) {
			if _, err := conn.Write(data); err != nil {
				break
			}
		}
		_ = conn.Close()
	})
	s.MarkReady()
	f := publish(b, s, 7)
	b.SetBytes(bulk)
	for b.Loop() {
		conn := connect(b, f)
		if n, err := io.Copy(io.Discard, conn); n != bulk || err != nil {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkBulkIn is 32 MiB from a client of a published port to the guest.
func BenchmarkBulkIn(b *testing.B) {
	s, g := pair(b)
	g.serve(7, func(conn net.Conn) {
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	})
	s.MarkReady()
	f := publish(b, s, 7)
	data := make([]byte, 1<<20)
	b.SetBytes(bulk)
	for b.Loop() {
		conn := connect(b, f)
		for range bulk / len(data) {
			if _, err := conn.Write(data); err != nil {
				b.Fatal(err)
			}
		}
		if err := conn.CloseWrite(); err != nil {
			b.Fatal(err)
		}
		if _, err := conn.Read(data); err != io.EOF {
			b.Fatal(err)
		}
	}
}
