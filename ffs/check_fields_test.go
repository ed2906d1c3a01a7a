package ffs

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
)

// A diskField is a field of an on-disk structure.
type diskField struct {
	name   string
	at     int64 // in the structure
	width  int   // of one element
	length int   // in elements
}

// fieldsOf are the fields of a struct that is stored as it is.
func fieldsOf(v any) []diskField {
	var list []diskField
	var at int64
	var add func(prefix string, typ reflect.Type)
	add = func(prefix string, typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			if f.Type.Kind() == reflect.Struct {
				add(prefix+f.Name+".", f.Type)
				continue
			}
			element, length := f.Type, 1
			if f.Type.Kind() == reflect.Array {
				element, length = f.Type.Elem(), f.Type.Len()
			}
			d := diskField{prefix + f.Name, at, binary.Size(reflect.Zero(element).Interface()), length}
			list = append(list, d)
			at += int64(d.width * d.length)
		}
	}
	add("", reflect.TypeOf(v))
	return list
}

// inodeFields are the fields of ufs1_dinode and ufs2_dinode.
var inodeFields = map[int][]diskField{
	1: {
		{"Mode", 0, 2, 1},
		{"Links", 2, 2, 1},
		{"OldIDs", 4, 2, 2},
		{"Size", 8, 8, 1},
		{"AccessTime", 16, 4, 1},
		{"AccessNanosecond", 20, 4, 1},
		{"ModTime", 24, 4, 1},
		{"ModNanosecond", 28, 4, 1},
		{"ChangeTime", 32, 4, 1},
		{"ChangeNanosecond", 36, 4, 1},
		{"Direct", 40, 4, directs},
		{"Indirect", 88, 4, indirects},
		{"Flags", 100, 4, 1},
		{"Blocks", 104, 4, 1},
		{"Generation", 108, 4, 1},
		{"UID", 112, 4, 1},
		{"GID", 116, 4, 1},
		{"ModRev", 120, 8, 1},
	},
	2: {
		{"Mode", 0, 2, 1},
		{"Links", 2, 2, 1},
		{"UID", 4, 4, 1},
		{"GID", 8, 4, 1},
		{"BlockSize", 12, 4, 1},
		{"Size", 16, 8, 1},
		{"Blocks", 24, 8, 1},
		{"AccessTime", 32, 8, 1},
		{"ModTime", 40, 8, 1},
		{"ChangeTime", 48, 8, 1},
		{"BirthTime", 56, 8, 1},
		{"ModNanosecond", 64, 4, 1},
		{"AccessNanosecond", 68, 4, 1},
		{"ChangeNanosecond", 72, 4, 1},
		{"BirthNanosecond", 76, 4, 1},
		{"Generation", 80, 4, 1},
		{"KernelFlags", 84, 4, 1},
		{"Flags", 88, 4, 1},
		{"ExtSize", 92, 4, 1},
		{"ExtBlocks", 96, 8, 2},
		{"Direct", 112, 8, directs},
		{"Indirect", 208, 8, indirects},
		{"ModRev", 232, 8, 1},
		{"Spare", 240, 8, 2},
	},
}

const (
	anyTime   = "any time is possible"
	anyNanos  = "any number below 10⁹ is possible"
	aUser     = "a user may set it to anything"
	aUserIn   = "a user may set it to anything in a range"
	spare     = "nobody uses it"
	inMemory  = "means something in a kernel's memory only"
	noJournal = "means nothing without a journal"
	noQuota   = "means nothing without quotas"
	oldUnused = "kernels since 2003 neither use nor maintain it, fsck_ffs takes anything"
	aRange    = "any value in a range is possible"
	aDate     = "it is made of the time and chance"
)

// unknownInSuperblock says why a change of a field can't be seen, always or
// for some values.
var unknownInSuperblock = map[string]string{
	"FirstField": spare, "Unused1": spare, "Spare1": spare, "Spare2": spare, "Pad": spare, "Spare64": spare,
	"Spare32": spare, "Spare5": spare, "State": spare, "Total.Spare": spare, "SavedGroupSize": spare,
	"Time": anyTime, "OldTime": anyTime, "ID": aDate, "SystemUID": aDate,
	"MinFree": aUserIn, "Optimize": aUserIn, "MaxContig": aUserIn, "MaxPerGroup": aUserIn,
	"AvgFileSize": aUserIn, "AvgFilesPerDir": aUserIn, "Flags": "some flags are only a matter of how it is mounted",
	"MountedOn": aUser, "VolumeName": aUser,
	"GroupRotor": aRange, "Clean": "fsck_ffs ignores FS_WASCLEAN",
	"OldFlags": "without FS_FLAGS_UPDATED the superblock is one of before 2003, which says the same elsewhere",
	"Modified": inMemory, "ReadOnly": inMemory, "InCore": inMemory,
	"JournalVersion": noJournal, "JournalLocation": noJournal, "JournalReserved": noJournal, "JournalFlags": noJournal, "JournalPlace": noJournal,
	"QuotaMagic": noQuota, "QuotaFlags": noQuota, "QuotaReserved": noQuota, "QuotaFile": noQuota,
	"OldTotal.Dirs": oldUnused, "OldTotal.FreeBlocks": oldUnused, "OldTotal.FreeInodes": oldUnused, "OldTotal.FreeFrags": oldUnused,
	"OldRotDelay": oldUnused, "OldRPS": oldUnused, "OldTrackSkew": oldUnused, "OldCPC": oldUnused,
	"OldNSect": aRange, "OldNPSect": aRange, "OldInterleave": aRange,
}

// unusedIn2 are fields of a superblock that only an FFSv1 has.
var unusedIn2 = []string{
	"OldCPG", "OldGroupMask", "OldGroupOffset", "OldSize", "OldDataSize", "OldNSPF", "OldNPSect", "OldSummaryAt", "OldSPC", "OldNCyl", "OldNSect",
	"OldInodeFormat", "OldPostblFormat", "OldNRPos",
}

var unknownInGroup = map[string]string{
	"Time": anyTime, "OldTime": anyTime,
	"BlockRotor": aRange, "FragRotor": aRange, "InodeRotor": aRange,
	"InitedInodes": "any multiple above the last inode in use is possible",
}

var unknownInInode = map[string]string{
	"Mode": "any permissions are possible", "UID": aUser, "GID": aUser, "OldIDs": "of before 4.4BSD",
	"AccessTime": anyTime, "ModTime": anyTime, "ChangeTime": anyTime, "BirthTime": anyTime,
	"AccessNanosecond": anyNanos, "ModNanosecond": anyNanos, "ChangeNanosecond": anyNanos, "BirthNanosecond": anyNanos,
	"Flags": aUser, "KernelFlags": spare, "Generation": "a number of chance", "ModRev": "a counter",
	"BlockSize": spare, "Spare": spare,
}

// unknownInKind are those of one kind of inode, beside unknownInInode.
var unknownInKind = []struct {
	path    string
	unknown map[string]string
}{
	{"usr/large", map[string]string{"Size": "the last fragment may be full or not"}},
	{"many", nil},
	{"tty", map[string]string{"Direct": "any device number is possible"}},
	{"short", map[string]string{"Size": "of a target's characters any may be the last", "Direct": "a target may say anything"}},
	{"fifo", nil},
}

// testFields changes each field of the structure at an offset, and wants Check
// to see it, unless unknown has the reason why it can't always. It notes in
// excused which of these were needed.
func testFields(t *testing.T, p *patient, at int64, fields []diskField, unknown map[string]string, excused map[string]bool) {
	t.Helper()
	for _, f := range fields {
		for _, element := range slices.Compact([]int{0, f.length - 1}) {
			b := p.img[at+f.at+int64(element*f.width):][:f.width]
			for _, bit := range []int{0, 1, 2, 5, 6, f.width*4 + 1, f.width*8 - 1} {
				flip(b, p.order, bit)
				found, err := Check(context.Background(), bytes.NewReader(p.img), int64(len(p.img)))
				flip(b, p.order, bit)
				switch {
				case err != nil || len(found) > 0:
				case unknown[f.name] != "":
					excused[f.name] = true
				default:
					t.Errorf("Check does not see a change of %s, bit %d of element %d", f.name, bit, element)
				}
			}
		}
	}
}

// wantExcused fails for fields that are said to be unknown, but never were.
func wantExcused(t *testing.T, unknown map[string]string, excused map[string]bool) {
	t.Helper()
	for name, reason := range unknown {
		if !excused[name] {
			t.Errorf("Check sees each change of %s, but it can't: %s", name, reason)
		}
	}
}

// flip changes a bit of the number in b.
func flip(b []byte, o binary.ByteOrder, bit int) {
	at := bit / 8
	if o == binary.BigEndian {
		at = len(b) - 1 - at
	}
	b[at] ^= 1 << (bit % 8)
}

func TestCheckSeesEveryField(t *testing.T) {
	inSuperblock, inGroup, inInode := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, o := range patients[:2] {
		p := newPatient(t, o)
		version := fmt.Sprintf("v%d/", o.Version)
		t.Run(version+"superblock", func(t *testing.T) {
			unknown := maps.Clone(unknownInSuperblock)
			if o.Version == 2 {
				for _, name := range unusedIn2 {
					unknown[name] = "an FFSv2 does not use it"
				}
			}
			testFields(t, p, p.s.Place, fieldsOf(Superblock{}), unknown, inSuperblock)
		})
		t.Run(version+"group", func(t *testing.T) {
			for _, g := range []uint32{0, p.s.Groups - 1} {
				testFields(t, p, p.s.offset(p.s.headerAt(g)), fieldsOf(groupHeader{}), unknownInGroup, inGroup)
			}
		})
		for _, kind := range unknownInKind {
			t.Run(version+kind.path, func(t *testing.T) {
				unknown, excused := maps.Clone(unknownInInode), map[string]bool{}
				maps.Copy(unknown, kind.unknown)
				testFields(t, p, p.s.inodeOffset(p.inode(kind.path).Number), inodeFields[o.Version], unknown, excused)
				wantExcused(t, kind.unknown, excused)
				maps.Copy(inInode, excused)
			})
		}
	}
	wantExcused(t, unknownInSuperblock, inSuperblock)
	wantExcused(t, unknownInGroup, inGroup)
	wantExcused(t, unknownInInode, inInode)
}
