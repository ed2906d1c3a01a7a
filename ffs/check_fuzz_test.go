package ffs

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"
)

// FuzzCheck gives Check images with bytes overwritten. An image is too large
// for a fuzzer, so it changes one of four sound ones: each 6 bytes of the
// input are an offset and two bytes to put there, and the offsets favour what
// is no file's contents.
func FuzzCheck(f *testing.F) {
	var sound []*patient
	var blocks [][]int64
	for _, o := range patients {
		p := newPatient(f, o)
		sound, blocks = append(sound, p), append(blocks, p.structureBlocks())
	}
	for n, p := range sound {
		f.Add(uint8(n), []byte{})
		for _, at := range []int64{p.s.Place + 48, p.s.offset(p.s.headerAt(1)) + 92, p.s.inodeOffset(rootIno), p.s.inodeOffset(4) + 88} {
			f.Add(uint8(n), binary.LittleEndian.AppendUint32(nil, uint32(at)))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, changes []byte) {
		n := int(which) % len(sound)
		p := sound[n]
		img := bytes.Clone(p.img)
		for ; len(changes) >= 6; changes = changes[6:] {
			at := fuzzOffset(p, blocks[n], binary.LittleEndian.Uint32(changes))
			copy(img[at:], changes[4:6])
		}
		found, err := Check(context.Background(), bytes.NewReader(img), int64(len(img)))
		if err == nil && len(found) > maxFindings+1 {
			t.Errorf("%d findings, want %d at most", len(found), maxFindings+1)
		}
		if err == nil && len(found) == 0 && !bytes.Equal(img, p.img) {
			// Nothing was found: then each file can be read to its end.
			if _, err := Open(bytes.NewReader(img)); err != nil {
				t.Errorf("Check finds nothing, but Open says %v", err)
			}
		}
	})
}

// fuzzOffset turns a number into an offset, mostly one with a structure.
func fuzzOffset(p *patient, blocks []int64, n uint32) int64 {
	at := int64(n>>3) % int64(len(p.img)-2)
	g := uint32(at) % p.s.Groups
	switch n & 7 {
	case 0:
		return p.s.Place + at%superblockBytes
	case 1:
		return p.s.offset(p.s.headerAt(g)) + at%int64(p.s.GroupSize-2)
	case 2, 3:
		return p.s.inodeOffset(0) + at%(250*int64(p.s.inodeSize()))
	case 4:
		return p.s.offset(blocks[at%int64(len(blocks))]) + at%int64(p.s.BlockSize-2)
	}
	return at
}

// structureBlocks are the addresses of some folders' and indirect blocks.
func (p *patient) structureBlocks() []int64 {
	return []int64{
		p.inode(".").Direct[0], p.inode("usr/bin").Direct[0], p.inode("many").Direct[0],
		p.inode("usr/large").Indirect[0], p.inode("d/e").Direct[0],
	}
}
