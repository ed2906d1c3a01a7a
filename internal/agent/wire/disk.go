package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxConfig is the largest configuration document, in bytes of JSON.
const MaxConfig = 1 << 20

const (
	sectorSize  = 512
	minDisk     = 8 * sectorSize
	diskVersion = 1
)

var diskMagic = [8]byte{'f', 'c', 'k', 'r', 'c', 'o', 'n', 'f'}

// ErrNotConfig says that a disk does not begin as a configuration disk does.
var ErrNotConfig = errors.New("not a configuration disk")

// diskHeader is the first record of a configuration disk. The JSON document
// follows it at once; zeros fill the rest of the last sector.
type diskHeader struct {
	Magic   [8]byte           // 0x00 "fckrconf"
	Version uint32            // 0x08 of this layout: 1
	Length  uint32            // 0x0c of the document, bytes; at most MaxConfig
	Digest  [sha256.Size]byte // 0x10 SHA-256 of the document
}

const diskHeaderSize = 0x30

// EncodeConfig returns the whole content of a configuration disk: a multiple
// of 512 bytes, at least 4096. The same Config gives the same bytes. A
// Version of 0 stands for ConfigVersion.
func EncodeConfig(c Config) ([]byte, error) {
	if c.Version == 0 {
		c.Version = ConfigVersion
	}
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("encode the guest's configuration: %w", err)
	}
	doc, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode the guest's configuration: %w", err)
	}
	if len(doc) > MaxConfig {
		return nil, fmt.Errorf("encode the guest's configuration: %d bytes are too many, at most %d fit: shorten the environment", len(doc), MaxConfig)
	}
	return seal(doc), nil
}

// seal is the disk around a document.
func seal(doc []byte) []byte {
	h := diskHeader{Magic: diskMagic, Version: diskVersion, Length: uint32(len(doc)), Digest: sha256.Sum256(doc)}
	disk := make([]byte, max(minDisk, roundUp(diskHeaderSize+len(doc))))
	h.put(disk)
	copy(disk[diskHeaderSize:], doc)
	return disk
}

// DecodeConfig reads a configuration disk from its first byte on. It asks r
// for whole sectors only, as raw disks want it. Where the disk is something
// else the error is ErrNotConfig.
func DecodeConfig(r io.Reader) (Config, error) {
	disk := make([]byte, minDisk)
	if _, err := io.ReadFull(r, disk); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return Config{}, ErrNotConfig
		}
		return Config{}, fmt.Errorf("read the configuration disk: %w", err)
	}
	h := parseDiskHeader(disk)
	if h.Magic != diskMagic {
		return Config{}, ErrNotConfig
	}
	if h.Version != diskVersion {
		return Config{}, fmt.Errorf("configuration disk of layout %d: this agent reads layout %d; build the image again", h.Version, diskVersion)
	}
	if h.Length > MaxConfig {
		return Config{}, fmt.Errorf("configuration of %d bytes: more than %d", h.Length, MaxConfig)
	}
	end := diskHeaderSize + int(h.Length)
	if size := roundUp(end); size > len(disk) {
		disk = append(disk, make([]byte, size-len(disk))...)
		if _, err := io.ReadFull(r, disk[minDisk:]); err != nil {
			return Config{}, fmt.Errorf("read the configuration disk to its end: %w", err)
		}
	}
	return decodeDocument(disk[diskHeaderSize:end], h.Digest)
}

func decodeDocument(doc []byte, digest [sha256.Size]byte) (Config, error) {
	if sha256.Sum256(doc) != digest {
		return Config{}, errors.New("the configuration disk is damaged: its digest is another")
	}
	var c Config
	if err := json.Unmarshal(doc, &c); err != nil {
		return Config{}, fmt.Errorf("decode the configuration: %w", err)
	}
	if err := c.Validate(); err != nil {
		return Config{}, fmt.Errorf("decode the configuration: %w", err)
	}
	return c, nil
}

func (h diskHeader) put(b []byte) {
	copy(b[0x00:], h.Magic[:])
	binary.BigEndian.PutUint32(b[0x08:], h.Version)
	binary.BigEndian.PutUint32(b[0x0c:], h.Length)
	copy(b[0x10:], h.Digest[:])
}

func parseDiskHeader(b []byte) (h diskHeader) {
	copy(h.Magic[:], b[0x00:])
	h.Version = binary.BigEndian.Uint32(b[0x08:])
	h.Length = binary.BigEndian.Uint32(b[0x0c:])
	copy(h.Digest[:], b[0x10:])
	return h
}

func roundUp(n int) int { return (n + sectorSize - 1) / sectorSize * sectorSize }
