package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// A layer is a QCOW2 version 3 image (QEMU's docs/interop/qcow2.txt) in which
// nothing is allocated yet: a header, a refcount table of one cluster with
// one block of 16-bit refcounts, and an L1 table, all big-endian.

const (
	qcowMagic       = 0x514649fb // "QFI\xfb"
	qcowClusterBits = 16
	qcowCluster     = 1 << qcowClusterBits // bytes
	qcowL2Span      = qcowCluster * (qcowCluster / 8)
	qcowMaxL1       = 32 << 20 // bytes, QEMU's limit of the L1 table
)

// Clusters of a new layer, in their order. Those of the L1 table are last.
const (
	qcowHeaderAt = iota * qcowCluster
	qcowRefTableAt
	qcowRefBlockAt
	qcowL1At
)

// qcowHeader is the header, 104 bytes.
type qcowHeader struct {
	Magic                 uint32 // 0
	Version               uint32 // 4
	BackingFileOffset     uint64 // 8 0: the name isn't stored, who opens it says what is below
	BackingFileSize       uint32 // 16
	ClusterBits           uint32 // 20
	Size                  uint64 // 24 bytes, of the virtual disk
	CryptMethod           uint32 // 32
	L1Size                uint32 // 36 entries
	L1TableOffset         uint64 // 40 bytes
	RefcountTableOffset   uint64 // 48 bytes
	RefcountTableClusters uint32 // 56
	Snapshots             uint32 // 60
	SnapshotsOffset       uint64 // 64
	IncompatibleFeatures  uint64 // 72
	CompatibleFeatures    uint64 // 80
	AutoclearFeatures     uint64 // 88
	RefcountOrder         uint32 // 96 refcounts of 1 << this bits
	HeaderLength          uint32 // 100 bytes
}

// NewLayer returns a private writable layer of size bytes (a multiple of
// 512), for a machine to put over a disk of that size that it only reads. The
// layer is QCOW2, holds nothing yet, and is a file without a name in the
// folder dir, so that it is gone once its last descriptor is closed.
//
// It doesn't name the disk below: whoever opens it says so, for QEMU by
// -blockdev driver=qcow2,file=…,backing=….
func NewLayer(dir string, size int64) (*os.File, error) {
	f, err := anonymous(dir)
	if err != nil {
		return nil, fmt.Errorf("make a writable layer: %w", err)
	}
	if err := writeLayer(f, size); err != nil {
		return nil, errors.Join(fmt.Errorf("make a writable layer: %w", err), f.Close())
	}
	return f, nil
}

func writeLayer(f *os.File, size int64) error {
	if size <= 0 || size%512 != 0 || size > maxSize {
		return fmt.Errorf("%d bytes: not a size that a disk can have", size)
	}
	l1 := (size + qcowL2Span - 1) / qcowL2Span // entries of 8 bytes
	if l1*8 > qcowMaxL1 {
		return fmt.Errorf("%d bytes: more than a layer can have", size)
	}
	clusters := qcowL1At/qcowCluster + (l1*8+qcowCluster-1)/qcowCluster
	h, err := binary.Append(nil, binary.BigEndian, qcowHeader{
		Magic: qcowMagic, Version: 3, ClusterBits: qcowClusterBits, Size: uint64(size),
		L1Size: uint32(l1), L1TableOffset: qcowL1At,
		RefcountTableOffset: qcowRefTableAt, RefcountTableClusters: 1,
		RefcountOrder: 4, HeaderLength: 104,
	})
	if err != nil {
		return err
	}
	refs := make([]byte, 2*clusters)
	for i := range clusters {
		binary.BigEndian.PutUint16(refs[2*i:], 1)
	}
	if err := f.Truncate(clusters * qcowCluster); err != nil {
		return err
	}
	for _, w := range []struct {
		at int64
		b  []byte
	}{
		{qcowRefBlockAt, refs},
		{qcowRefTableAt, binary.BigEndian.AppendUint64(nil, qcowRefBlockAt)},
		{qcowHeaderAt, h},
	} {
		if _, err := f.WriteAt(w.b, w.at); err != nil {
			return err
		}
	}
	return nil
}
