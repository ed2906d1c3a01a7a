package network

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// What is on the wire, in bytes.
const (
	lengthSize = 4                     // QEMU's length before each frame
	etherSize  = 14                    // destination, source, type (IEEE 802.3)
	maxFrame   = etherSize + 1<<16 - 1 // no frame holds more than the largest IPv4 packet
)

// EtherTypes (IEEE 802 numbers, IANA).
const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
)

// errFrameLength says that the peer has lost, or never spoke, the framing:
// what follows can't be read.
var errFrameLength = errors.New("frame too long")

// A frameReader reads what QEMU's stream netdev sends. The peer is not
// trusted: no length makes it take more memory than its one buffer.
type frameReader struct {
	r    *bufio.Reader
	last int // size of the record that next returned, not yet discarded
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, 2*(lengthSize+maxFrame))}
}

// next returns the next frame, valid until it is called again. The error is
// io.EOF at the end between frames.
func (f *frameReader) next() ([]byte, error) {
	if _, err := f.r.Discard(f.last); err != nil {
		return nil, err
	}
	f.last = 0
	head, err := f.r.Peek(lengthSize)
	if err != nil {
		return nil, truncated(err, len(head))
	}
	n := binary.BigEndian.Uint32(head)
	if n > maxFrame {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", errFrameLength, n, maxFrame)
	}
	f.last = lengthSize + int(n)
	rec, err := f.r.Peek(f.last)
	if err != nil {
		return nil, truncated(err, len(rec))
	}
	return rec[lengthSize:], nil
}

// truncated turns an end of file after the first bytes of a record into an
// unexpected one.
func truncated(err error, have int) error {
	if errors.Is(err, io.EOF) && have > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// appendEther appends an Ethernet header.
func appendEther(b []byte, dst, src net.HardwareAddr, etherType uint16) []byte {
	b = append(b, dst...)
	b = append(b, src...)
	return binary.BigEndian.AppendUint16(b, etherType)
}
