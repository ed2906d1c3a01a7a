package ffs

// Constants of the format, from NetBSD's sys/ufs/ffs/fs.h, sys/ufs/ufs/dinode.h
// and sys/ufs/ufs/dir.h.
const (
	magic1     = 0x011954   // FS_UFS1_MAGIC
	magic2     = 0x19540119 // FS_UFS2_MAGIC
	magic2EA   = 0x19012038 // FS_UFS2EA_MAGIC: extended attributes, since NetBSD 10
	magicGroup = 0x090255   // CG_MAGIC

	superblockSize = 8192 // SBLOCKSIZE: what is set aside for a superblock
	superblock1At  = 8192 // SBLOCK_UFS1
	superblock2At  = 65536
	minBlock       = 4096
	maxBlock       = 65536
	maxFrag        = 8 // fragments in a block
	maxContigSum   = 16

	whiteIno    = 1 // UFS_WINO: what names have that a union mount hides
	rootIno     = 2
	directs     = 12 // UFS_NDADDR
	indirects   = 3  // UFS_NIADDR
	inode1Size  = 128
	inode2Size  = 256
	inline1Size = (directs + indirects) * 4 // shorter links stand in the inode
	inline2Size = (directs + indirects) * 8
	blockUnit   = 512 // of di_blocks (DEV_BSIZE)

	direntHead   = 8   // bytes of a directory entry before its name
	dirChunk     = 512 // UFS_DIRBLKSIZ: no entry crosses a multiple of it
	maxName      = 255
	maxLinks     = 32767 // LINK_MAX: di_nlink has 16 bits, signed
	maxTarget    = 1023  // MAXPATHLEN without its NUL
	maxVolume    = 31
	maxFragments = 1<<31 - 1 // of an FFSv1: addresses are signed 32 bits
	maxInodes    = 1<<31 - 8 // of both: fs_ipg × fs_ncg is computed in 32 bits
)

// Flags and values of superblock fields.
const (
	flagsUpdated     = 0x80 // FS_FLAGS_UPDATED in fs_old_flags: the 2003 layout
	cleanFlag        = 0x01 // FS_ISCLEAN
	wasCleanFlag     = 0x02 // FS_WASCLEAN
	inodeFormat44    = 2    // FS_44INODEFMT
	dynamicPostblFmt = 1    // FS_DYNAMICPOSTBLFMT
	optTime          = 0    // FS_OPTTIME
	optSpace         = 1    // FS_OPTSPACE

	flagSoftUpdates = 0x002 // FS_DOSOFTDEP
	flagPOSIXACLs   = 0x010 // FS_POSIX1EACLS
	flagWAPBL       = 0x100 // FS_DOWAPBL: a journal
	flagQuota2      = 0x200 // FS_DOQUOTA2
	flagNFSv4ACLs   = 0x800 // FS_NFS4ACLS
	knownFlags      = flagSoftUpdates | flagPOSIXACLs | flagWAPBL | flagQuota2 | flagNFSv4ACLs
)

// superblockPlaces is where a superblock is looked for, in this order
// (SBLOCKSEARCH).
var superblockPlaces = [...]int64{superblock2At, superblock1At, 0, 262144}

// A Summary counts what a group holds (struct csum).
type Summary struct {
	Dirs       int32 // cs_ndir
	FreeBlocks int32 // cs_nbfree: whole ones
	FreeInodes int32 // cs_nifree
	FreeFrags  int32 // cs_nffree: those outside of whole free blocks
}

// A TotalSummary is the sum of all groups' summaries (struct csum_total).
type TotalSummary struct {
	Dirs       int64
	FreeBlocks int64
	FreeInodes int64
	FreeFrags  int64
	Spare      [4]int64
}

// add adds a group's counts.
func (t *TotalSummary) add(s Summary) {
	t.Dirs += int64(s.Dirs)
	t.FreeBlocks += int64(s.FreeBlocks)
	t.FreeInodes += int64(s.FreeInodes)
	t.FreeFrags += int64(s.FreeFrags)
}

// A Superblock describes a whole file system (struct fs). The fields stand in
// on-disk order, with their offset and their name there. What is called an
// address counts fragments from the file system's beginning, a size of the
// file system fragments too.
type Superblock struct {
	FirstField     int32     // 0 fs_firstfield
	Unused1        int32     // 4 fs_unused_1
	SuperblockAt   int32     // 8 fs_sblkno: of a group's copy, in the group
	GroupAt        int32     // 12 fs_cblkno: of the group's header, in the group
	InodesAt       int32     // 16 fs_iblkno: of the inodes, in the group
	DataAt         int32     // 20 fs_dblkno: of the data after the inodes, in the group
	OldGroupOffset int32     // 24 fs_old_cgoffset
	OldGroupMask   int32     // 28 fs_old_cgmask
	OldTime        int32     // 32 fs_old_time
	OldSize        int32     // 36 fs_old_size
	OldDataSize    int32     // 40 fs_old_dsize
	Groups         uint32    // 44 fs_ncg
	BlockSize      int32     // 48 fs_bsize, bytes
	FragmentSize   int32     // 52 fs_fsize, bytes
	FragsPerBlock  int32     // 56 fs_frag
	MinFree        int32     // 60 fs_minfree, percent
	OldRotDelay    int32     // 64 fs_old_rotdelay
	OldRPS         int32     // 68 fs_old_rps
	BlockMask      int32     // 72 fs_bmask
	FragmentMask   int32     // 76 fs_fmask
	BlockShift     int32     // 80 fs_bshift
	FragmentShift  int32     // 84 fs_fshift
	MaxContig      int32     // 88 fs_maxcontig, blocks
	MaxPerGroup    int32     // 92 fs_maxbpg, blocks
	FragShift      int32     // 96 fs_fragshift: fragments in a block
	SectorShift    int32     // 100 fs_fsbtodb: sectors in a fragment
	SuperblockSize int32     // 104 fs_sbsize, bytes
	Spare1         [2]int32  // 108 fs_spare1
	Pointers       int32     // 116 fs_nindir: in an indirect block
	InodesPerBlock uint32    // 120 fs_inopb
	OldNSPF        int32     // 124 fs_old_nspf: sectors in a fragment
	Optimize       int32     // 128 fs_optim: optTime, optSpace
	OldNPSect      int32     // 132 fs_old_npsect
	OldInterleave  int32     // 136 fs_old_interleave
	OldTrackSkew   int32     // 140 fs_old_trackskew
	ID             [2]int32  // 144 fs_id
	OldSummaryAt   int32     // 152 fs_old_csaddr
	SummarySize    int32     // 156 fs_cssize, bytes, rounded to fragments
	GroupSize      int32     // 160 fs_cgsize: of the group's header and maps, bytes
	Spare2         int32     // 164 fs_spare2
	OldNSect       int32     // 168 fs_old_nsect
	OldSPC         int32     // 172 fs_old_spc
	OldNCyl        int32     // 176 fs_old_ncyl
	OldCPG         int32     // 180 fs_old_cpg
	InodesPerGroup uint32    // 184 fs_ipg
	FragsPerGroup  int32     // 188 fs_fpg
	OldTotal       Summary   // 192 fs_old_cstotal
	Modified       int8      // 208 fs_fmod
	Clean          uint8     // 209 fs_clean
	ReadOnly       int8      // 210 fs_ronly
	OldFlags       uint8     // 211 fs_old_flags
	MountedOn      [468]byte // 212 fs_fsmnt
	VolumeName     [32]byte  // 680 fs_volname
	SystemUID      uint64    // 712 fs_swuid
	Pad            int32     // 720 fs_pad
	GroupRotor     int32     // 724 fs_cgrotor
	InCore         [128]byte // 728 fs_ocsp, fs_contigdirs, fs_csp, fs_maxcluster, fs_active
	OldCPC         int32     // 856 fs_old_cpc
	MaxBlockSize   int32     // 860 fs_maxbsize, bytes

	JournalVersion  uint8     // 864 fs_journal_version
	JournalLocation uint8     // 865 fs_journal_location
	JournalReserved [2]uint8  // 866 fs_journal_reserved
	JournalFlags    uint32    // 868 fs_journal_flags
	JournalPlace    [4]uint64 // 872 fs_journallocs
	QuotaMagic      uint32    // 904 fs_quota_magic
	QuotaFlags      uint8     // 908 fs_quota_flags
	QuotaReserved   [3]uint8  // 909 fs_quota_reserved
	QuotaFile       [2]uint64 // 912 fs_quotafile
	Spare64         [9]int64  // 928 fs_sparecon64

	Place           int64        // 1000 fs_sblockloc: of this superblock, bytes
	Total           TotalSummary // 1008 fs_cstotal
	Time            int64        // 1072 fs_time, seconds
	Size            int64        // 1080 fs_size
	DataSize        int64        // 1088 fs_dsize
	SummaryAt       int64        // 1096 fs_csaddr
	PendingBlocks   int64        // 1104 fs_pendingblocks
	PendingInodes   uint32       // 1112 fs_pendinginodes
	Snapshots       [20]uint32   // 1116 fs_snapinum
	AvgFileSize     uint32       // 1196 fs_avgfilesize, bytes
	AvgFilesPerDir  uint32       // 1200 fs_avgfpdir
	SavedGroupSize  int32        // 1204 fs_save_cgsize
	Spare32         [26]int32    // 1208 fs_sparecon32
	Flags           uint32       // 1312 fs_flags
	ContigSum       int32        // 1316 fs_contigsumsize: entries of a group's cluster summary
	MaxInlineTarget int32        // 1320 fs_maxsymlinklen
	OldInodeFormat  int32        // 1324 fs_old_inodefmt
	MaxFileSize     uint64       // 1328 fs_maxfilesize, bytes
	BlockOffMask    int64        // 1336 fs_qbmask
	FragOffMask     int64        // 1344 fs_qfmask
	State           int32        // 1352 fs_state
	OldPostblFormat int32        // 1356 fs_old_postblformat
	OldNRPos        int32        // 1360 fs_old_nrpos
	Spare5          [2]int32     // 1364 fs_spare5
	Magic           int32        // 1372 fs_magic
}

// superblockBytes is the length of a Superblock on disk (struct fs).
const superblockBytes = 1376

// A groupHeader begins a cylinder group's block (struct cg); bitmaps and
// summaries follow. Offsets count bytes from the header's beginning, bits in
// the maps and numbers of blocks and inodes from the group's.
type groupHeader struct {
	FirstField    int32     // 0 cg_firstfield
	Magic         int32     // 4 cg_magic
	OldTime       int32     // 8 cg_old_time
	Index         uint32    // 12 cg_cgx
	OldNCyl       int16     // 16 cg_old_ncyl
	OldInodes     int16     // 18 cg_old_niblk
	Frags         uint32    // 20 cg_ndblk
	Summary       Summary   // 24 cg_cs
	BlockRotor    uint32    // 40 cg_rotor
	FragRotor     uint32    // 44 cg_frotor
	InodeRotor    uint32    // 48 cg_irotor
	FragRuns      [8]uint32 // 52 cg_frsum: free runs of that many fragments in partly free blocks
	OldBtotOff    int32     // 84 cg_old_btotoff
	OldBOff       int32     // 88 cg_old_boff
	InodeMapOff   uint32    // 92 cg_iusedoff: a set bit is an inode in use
	FreeMapOff    uint32    // 96 cg_freeoff: a set bit is a free fragment
	NextFreeOff   uint32    // 100 cg_nextfreeoff
	ClusterSumOff uint32    // 104 cg_clustersumoff: counts of free clusters by length
	ClusterMapOff uint32    // 108 cg_clusteroff: a set bit is a free block
	ClusterBlocks uint32    // 112 cg_nclusterblks
	Inodes        uint32    // 116 cg_niblk
	InitedInodes  uint32    // 120 cg_initediblk: those that can be read at all
	Spare32       [3]int32  // 124 cg_sparecon32
	Time          int64     // 136 cg_time
	Spare64       [3]int64  // 144 cg_sparecon64
}

const (
	groupHeaderBytes = 168 // where cg_space begins
	// groupBaseBytes is sizeof(struct cg) and one word more, by which
	// CGSIZE() computes, on a machine that aligns to 8 bytes.
	groupBaseBytes = 176 + 4
)
