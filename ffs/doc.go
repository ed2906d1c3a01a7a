// Package ffs writes, reads, checks and enlarges images of the Fast File
// System of the BSDs (FFS, also called UFS): version 1 and 2, little- and
// big-endian, as NetBSD's newfs(8) lays them out. It needs no root, no mount
// and no NetBSD.
//
// An image is written in two steps: [Plan] decides where everything goes, and
// fails before anything is written if it does not fit; [Layout.Write] writes
// it. The same entries and options give the same bytes on any machine.
//
//	entries, err := ffs.HostDir("root") // or a list of one's own
//	…
//	layout, err := ffs.Plan(entries, ffs.Options{Free: 64 << 20})
//	…
//	err = layout.Write(ctx, file, 0)
//
// [Open] gives an image as an [io/fs.FS], [Check] makes the read-only passes
// of fsck_ffs(8), [Grow] enlarges an image as resize_ffs(8) does.
//
// Sizes and places count bytes unless a name says otherwise. A fragment is the
// unit that block addresses count; a block is a power of two of fragments, up
// to eight; a cylinder group ("group" for short) is a range of blocks with
// inodes, bitmaps and a copy of the superblock of its own.
//
// The on-disk structures are those of NetBSD's sys/ufs/ffs/fs.h,
// sys/ufs/ufs/dinode.h and sys/ufs/ufs/dir.h; fields carry the names of these
// headers in their comments.
package ffs
