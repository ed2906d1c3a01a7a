package ffs

import (
	"context"
	"encoding/binary"
	"testing"
)

// TestUFS2EA reads, checks and enlarges an FFSv2 that has the magic number of
// those with extended attributes in all its superblocks.
func TestUFS2EA(t *testing.T) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		t.Run(order.String(), func(t *testing.T) {
			f := planned(t, sampleTree(t), Options{BlockSize: 4096, MaxBlocksPerGroup: 400, Order: order}, 0)
			entries, sums := everythingOf(t, f, 0)
			s := superblockOf(t, f, 0)
			s.Magic = magic2EA
			b := s.encode(order)[:superblockBytes]
			_, err := f.WriteAt(b, s.Place)
			check(t, err)
			for g := range s.Groups {
				_, err := f.WriteAt(b, s.offset(s.copyAt(g)))
				check(t, err)
			}
			testGrowth(t, f, 0)
			wantSame(t, f, 0, entries, sums)
			if s := superblockOf(t, f, 0); s.Magic != magic2EA || s.Version() != 2 {
				t.Errorf("grown it has the magic number %#x and version %d, want %#x and 2", s.Magic, s.Version(), magic2EA)
			}
			found, err := Check(context.Background(), f, superblockOf(t, f, 0).Bytes())
			check(t, err)
			wantClean(t, found)
		})
	}
}
