package wire_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

var (
	key      = bytes.Repeat([]byte{1}, wire.KeySize)
	otherKey = bytes.Repeat([]byte{2}, wire.KeySize)
)

// shake runs both sides over a pipe.
func shake(t *testing.T, hostKey, guestKey []byte) (host, guest error) {
	t.Helper()
	a, b := net.Pipe()
	done := make(chan error, 1)
	go func() {
		err := wire.AcceptLine(b, guestKey)
		done <- errors.Join(err, b.Close())
	}()
	host = wire.DialLine(a, hostKey)
	return host, errors.Join(<-done, a.Close())
}

func TestHandshake(t *testing.T) {
	if host, guest := shake(t, key, key); host != nil || guest != nil {
		t.Errorf("same key: host %v, guest %v; want nil", host, guest)
	}
	host, guest := shake(t, key, otherKey)
	if host == nil || !errors.Is(guest, wire.ErrKey) {
		t.Errorf("other key: host %v, guest %v; want errors, ErrKey the guest's", host, guest)
	}
	if host, guest := shake(t, nil, nil); host == nil || guest == nil {
		t.Errorf("no key: host %v, guest %v; want errors", host, guest)
	}
}

// TestGuestWithoutKey has a guest that can only repeat what the host sent.
func TestGuestWithoutKey(t *testing.T) {
	a, b := net.Pipe()
	go func() {
		defer b.Close()
		challenge := make([]byte, 0x30)
		copy(challenge, "fckrline\x00\x00\x00\x01")
		_, _ = b.Write(challenge)
		response := make([]byte, 0x40)
		_, _ = io.ReadFull(b, response)
		_, _ = b.Write(response[0x20:])
	}()
	if err := wire.DialLine(a, key); !errors.Is(err, wire.ErrKey) {
		t.Errorf("error %v: want ErrKey", err)
	}
}

// TestGuestProvesLast holds that a stranger who connects gets no proof.
func TestGuestProvesLast(t *testing.T) {
	var sent bytes.Buffer
	stranger := struct {
		io.Reader
		io.Writer
	}{bytes.NewReader(make([]byte, 0x40)), &sent}
	if err := wire.AcceptLine(stranger, key); !errors.Is(err, wire.ErrKey) {
		t.Errorf("error %v: want ErrKey", err)
	}
	if sent.Len() != 0x30 {
		t.Errorf("the guest sent %d bytes: want its challenge of 48 only", sent.Len())
	}
}

func TestDialLineErrors(t *testing.T) {
	tests := []struct{ name, challenge, want string }{
		{"nothing", "", "EOF"},
		{"something else", strings.Repeat("SSH-2.0 ", 6), "not the agent"},
		{"a later version", "fckrline\x00\x00\x00\x02" + strings.Repeat("x", 36), "speaks version 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			guest := struct {
				io.Reader
				io.Writer
			}{strings.NewReader(tt.challenge), io.Discard}
			err := wire.DialLine(guest, key)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v: want %q in it", err, tt.want)
			}
		})
	}
}

// FuzzHandshake gives both sides what they don't expect: neither may accept.
func FuzzHandshake(f *testing.F) {
	f.Add([]byte("fckrline\x00\x00\x00\x01" + strings.Repeat("x", 200)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		side := func() io.ReadWriter {
			return struct {
				io.Reader
				io.Writer
			}{bytes.NewReader(data), io.Discard}
		}
		if wire.DialLine(side(), key) == nil {
			t.Error("the host accepted a guest without the key")
		}
		if wire.AcceptLine(side(), key) == nil {
			t.Error("the guest accepted a host without the key")
		}
	})
}
