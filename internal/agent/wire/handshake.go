package wire

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// LineVersion is the version of the line's protocol. The host refuses another.
const LineVersion = 1

var lineMagic = [8]byte{'f', 'c', 'k', 'r', 'l', 'i', 'n', 'e'}

// ErrKey says that the other end does not hold the line's key.
var ErrKey = errors.New("the other end of the line does not hold its key")

const (
	nonceSize = 32
	proofSize = sha256.Size
)

type (
	nonce [nonceSize]byte
	proof [proofSize]byte
)

// A challenge is the line's first record, from guest to host. The guest
// proves nothing before the host has, so that a process in the guest that
// connects to the agent learns nothing that depends on the key.
type challenge struct {
	Magic   [8]byte // 0x00 "fckrline"
	Version uint32  // 0x08 LineVersion
	_       uint32  // 0x0c zero
	Nonce   nonce   // 0x10 random, of the guest
}

const challengeSize = 0x30

// A response is the second record, from host to guest.
type response struct {
	Nonce nonce // 0x00 random, of the host
	Proof proof // 0x20 by hostRole
}

const responseSize = 0x40

// The third record, from guest to host, is the proof by guestRole alone.

// The roles keep a proof of one side from being sent back as the other's.
const (
	hostRole  = "fakecracker line host"
	guestRole = "fakecracker line guest"
)

// prove is HMAC-SHA256, under key, of the role, a zero byte, the version (32
// bits), the guest's nonce and the host's.
func prove(key []byte, role string, guest, host nonce) (p proof) {
	m := hmac.New(sha256.New, key)
	m.Write(append([]byte(role), 0))
	m.Write(binary.BigEndian.AppendUint32(nil, LineVersion))
	m.Write(guest[:])
	m.Write(host[:])
	copy(p[:], m.Sum(nil))
	return p
}

// AcceptLine is the guest's side of the handshake on a new connection. The
// caller limits its time.
func AcceptLine(rw io.ReadWriter, key []byte) error {
	if len(key) != KeySize {
		return fmt.Errorf("accept the line: key of %d bytes", len(key))
	}
	var c challenge
	rand.Read(c.Nonce[:])
	out := make([]byte, challengeSize)
	copy(out[0x00:], lineMagic[:])
	binary.BigEndian.PutUint32(out[0x08:], LineVersion)
	copy(out[0x10:], c.Nonce[:])
	if _, err := rw.Write(out); err != nil {
		return fmt.Errorf("accept the line: %w", err)
	}
	in := make([]byte, responseSize)
	if _, err := io.ReadFull(rw, in); err != nil {
		return fmt.Errorf("accept the line: %w", err)
	}
	var r response
	copy(r.Nonce[:], in[0x00:])
	copy(r.Proof[:], in[0x20:])
	want := prove(key, hostRole, c.Nonce, r.Nonce)
	if !hmac.Equal(want[:], r.Proof[:]) {
		return ErrKey
	}
	p := prove(key, guestRole, c.Nonce, r.Nonce)
	if _, err := rw.Write(p[:]); err != nil {
		return fmt.Errorf("accept the line: %w", err)
	}
	return nil
}

// DialLine is the host's side of the handshake on a new connection. The
// caller limits its time.
func DialLine(rw io.ReadWriter, key []byte) error {
	if len(key) != KeySize {
		return fmt.Errorf("open the line: key of %d bytes", len(key))
	}
	c, err := readChallenge(rw)
	if err != nil {
		return fmt.Errorf("open the line: %w", err)
	}
	var r response
	rand.Read(r.Nonce[:])
	r.Proof = prove(key, hostRole, c.Nonce, r.Nonce)
	if _, err := rw.Write(append(r.Nonce[:], r.Proof[:]...)); err != nil {
		return fmt.Errorf("open the line: %w", err)
	}
	var got proof
	if _, err := io.ReadFull(rw, got[:]); err != nil {
		// A guest with another key hangs up here.
		return fmt.Errorf("open the line: no proof from the guest: %w", err)
	}
	want := prove(key, guestRole, c.Nonce, r.Nonce)
	if !hmac.Equal(want[:], got[:]) {
		return ErrKey
	}
	return nil
}

func readChallenge(r io.Reader) (c challenge, err error) {
	in := make([]byte, challengeSize)
	if _, err := io.ReadFull(r, in); err != nil {
		return c, err
	}
	copy(c.Magic[:], in[0x00:])
	c.Version = binary.BigEndian.Uint32(in[0x08:])
	copy(c.Nonce[:], in[0x10:])
	if c.Magic != lineMagic {
		return c, errors.New("what answers there is not the agent")
	}
	if c.Version != LineVersion {
		return c, fmt.Errorf("the guest's agent speaks version %d of the line, this program version %d: build the image again", c.Version, LineVersion)
	}
	return c, nil
}
