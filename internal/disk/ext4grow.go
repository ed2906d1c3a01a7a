package disk

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// growth says what an ext4 is grown to.
type growth struct {
	limit int64  // bytes, as tar2ext4 was told
	free  int64  // bytes for the guest to write
	uuid  string // hex of at least 16 bytes
}

// layout is where everything of a grown ext4 stands, in blocks. tar2ext4
// writes data first, then all groups' inode tables as one run, then all
// groups' bitmaps (flex_bg allows them anywhere). So the run of inode tables
// can be cut anew for other groups and made longer, if the bitmaps move
// behind it:
//
//	before | super, descriptors | data | inode tables | bitmaps |
//	after  | super, descriptors | data | inode tables ……… | bitmaps | free ……… |
//
// Nothing that a file consists of moves.
type layout struct {
	reserved uint32 // blocks of descriptors that tar2ext4 kept room for
	table    uint32 // first block of the inode tables
	inodes   uint32 // inodes in use; they are the first ones
	groups   uint32
	perGroup uint32 // inodes of a group
	bitmaps  uint32 // first block of the bitmaps: a block and an inode bitmap for each group
	end      uint32 // blocks below it are in use
	blocks   uint32 // size of the file system
	descUsed uint32 // blocks of descriptors in use
}

// grow lays out the metadata of f, which tar2ext4 wrote, for more room, and
// makes it writable.
func grow(f *os.File, g growth) error {
	sb, err := readSuper(f)
	if err != nil {
		return err
	}
	old, err := readGroups(f, sb)
	if err != nil {
		return err
	}
	l, err := plotLayout(sb, old, g)
	if err != nil {
		return err
	}
	if err := f.Truncate(int64(old[0].BlockBitmap) * blockSize); err != nil { // drops the old bitmaps
		return err
	}
	if err := f.Truncate(int64(l.blocks) * blockSize); err != nil {
		return err
	}
	dirs, err := countDirs(f, l)
	if err != nil {
		return err
	}
	descs, err := writeBitmaps(f, l, dirs)
	if err != nil {
		return err
	}
	return writeSuper(f, sb, l, descs, g.uuid)
}

func readGroups(f *os.File, sb super) ([]groupDesc, error) {
	n := (sb.BlocksCount + blocksPerGroup - 1) / blocksPerGroup
	b := make([]byte, int(n)*binary.Size(groupDesc{}))
	if _, err := f.ReadAt(b, blockSize); err != nil {
		return nil, fmt.Errorf("read the group descriptors: %w", err)
	}
	descs := make([]groupDesc, n)
	_, err := binary.Decode(b, binary.LittleEndian, descs)
	return descs, err
}

// plotLayout computes the new layout: one inode for each 16 KiB of free
// space, as mke2fs gives, but at least 1,024.
func plotLayout(sb super, old []groupDesc, g growth) (layout, error) {
	l := layout{table: old[0].InodeTable, inodes: sb.InodesCount - sb.FreeInodesCount}
	maxGroups := (g.limit/blockSize + blocksPerGroup) / blocksPerGroup
	l.reserved = uint32((maxGroups-1)/groupsPerBlock + 1)
	want := max(int64(l.inodes)+max(g.free/(16<<10), 1024), int64(sb.InodesCount))
	free := (g.free + blockSize - 1) / blockSize
	for groups := int64(1); ; groups++ {
		perGroup := ((want+groups-1)/groups + inodesPerBlock - 1) / inodesPerBlock * inodesPerBlock
		bitmaps := int64(l.table) + groups*perGroup/inodesPerBlock
		end := bitmaps + 2*groups
		blocks := max(end+free, (groups-1)*blocksPerGroup+1)
		blocks = (blocks + 255) / 256 * 256 // whole MiB
		if blocks*blockSize > maxSize {
			return l, fmt.Errorf("an ext4 of more than %d bytes", int64(maxSize))
		}
		if perGroup > blocksPerGroup || blocks > groups*blocksPerGroup {
			continue
		}
		l.groups, l.perGroup, l.bitmaps = uint32(groups), uint32(perGroup), uint32(bitmaps)
		l.end, l.blocks = uint32(end), uint32(blocks)
		l.descUsed = uint32((groups-1)/groupsPerBlock + 1)
		if l.descUsed > l.reserved {
			return l, fmt.Errorf("%d groups, room for %d blocks of descriptors", groups, l.reserved)
		}
		return l, nil
	}
}

// countDirs returns the number of folders among each group's inodes.
func countDirs(f *os.File, l layout) ([]uint16, error) {
	dirs := make([]uint16, l.groups)
	table := io.NewSectionReader(f, int64(l.table)*blockSize, int64(l.inodes)*inodeBytes)
	r := bufio.NewReaderSize(table, 64<<10)
	var inode [inodeBytes]byte
	for i := range l.inodes {
		if _, err := io.ReadFull(r, inode[:]); err != nil {
			return nil, fmt.Errorf("read the inodes: %w", err)
		}
		if binary.LittleEndian.Uint16(inode[:])&modeMask == modeDir {
			dirs[i/l.perGroup]++
		}
	}
	return dirs, nil
}

// writeBitmaps writes each group's two bitmaps and returns the descriptors.
func writeBitmaps(f *os.File, l layout, dirs []uint16) ([]groupDesc, error) {
	descs := make([]groupDesc, l.groups)
	for g := range l.groups {
		var bm [2 * blockSize]byte
		freeBlocks := fill(bm[:blockSize], func(i uint32) bool { return l.blockUsed(g*blocksPerGroup + i) })
		freeInodes := fill(bm[blockSize:], func(i uint32) bool { return i >= l.perGroup || g*l.perGroup+i < l.inodes })
		at := l.bitmaps + 2*g
		if _, err := f.WriteAt(bm[:], int64(at)*blockSize); err != nil {
			return nil, fmt.Errorf("write the bitmaps: %w", err)
		}
		descs[g] = groupDesc{
			BlockBitmap: at, InodeBitmap: at + 1, InodeTable: l.table + g*l.perGroup/inodesPerBlock,
			FreeBlocksCount: freeBlocks, FreeInodesCount: freeInodes, UsedDirsCount: dirs[g],
		}
	}
	return descs, nil
}

// blockUsed says what the bitmap has for block n. Blocks past the end count
// as used: there are bits for them in the last group.
func (l layout) blockUsed(n uint32) bool {
	if n > l.descUsed && n <= l.reserved {
		return false
	}
	return n < l.end || n >= l.blocks
}

// fill sets the bits of a bitmap of one block and returns how many are clear.
func fill(bm []byte, used func(i uint32) bool) (free uint16) {
	for i := range uint32(8 * blockSize) {
		if used(i) {
			bm[i/8] |= 1 << (i % 8)
		} else {
			free++
		}
	}
	return free
}

// writeSuper writes the group descriptors and, last, the superblock.
func writeSuper(f *os.File, sb super, l layout, descs []groupDesc, uuid string) error {
	sb.FreeBlocksCount, sb.FreeInodesCount = 0, 0
	for _, d := range descs {
		sb.FreeBlocksCount += uint32(d.FreeBlocksCount)
		sb.FreeInodesCount += uint32(d.FreeInodesCount)
	}
	sb.BlocksCount, sb.InodesCount, sb.InodesPerGroup = l.blocks, l.groups*l.perGroup, l.perGroup
	sb.FeatureROCompat &^= roReadOnly
	if _, err := hex.Decode(sb.UUID[:], []byte(uuid[:2*len(sb.UUID)])); err != nil {
		return fmt.Errorf("uuid: %w", err)
	}
	for _, w := range []struct {
		at int64
		v  any
	}{{blockSize, descs}, {superAt, sb}} {
		b, err := binary.Append(nil, binary.LittleEndian, w.v)
		if err != nil {
			return err
		}
		if _, err := f.WriteAt(b, w.at); err != nil {
			return fmt.Errorf("write the superblock and its descriptors: %w", err)
		}
	}
	return nil
}
