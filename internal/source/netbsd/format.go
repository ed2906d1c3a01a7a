package netbsd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// errDamaged is wrapped for bytes that are no index of this version. It is to
// be made again.
var errDamaged = errors.New("it is damaged, or another version's")

// An index file is a header, the entries as tree.AppendEntries writes them,
// and the needs. All numbers of the header are little-endian:
//
//	offset  bytes  what
//	0       8      magic
//	8       4      CRC-32C of all that follows
//	12      4      0
//	16      8      size of the archive in bytes
//	24      8      length of the entries in bytes
//	32      71     digest of the archive, "sha256:" and 64 hex digits
//	103     1      0
//	104            entries, then needs
//
// The needs are numbers as varints, and strings as numbers in a list of them,
// which comes first: how many; of each, length and bytes. Then how many needs;
// of each, by how much the number of its entry is greater than that of the one
// before (the first is greater than -1); its kind; and what the kind has:
// needScript: the interpreter; needProblem: the text; needELF, needProgram:
// system, architecture, interpreter, and the lists of libraries, DT_RPATH and
// DT_RUNPATH, each as how many and their strings.
const (
	indexMagic   = "fc-set1\n"
	headerSize   = 104
	digestAt     = 32
	digestLength = len("sha256:") + 64
)

// The kinds of needs.
const (
	needScript  = iota
	needELF     // an ELF file without an entry point
	needProgram // one with it
	needProblem
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// encode returns the index file.
func (ix *index) encode() ([]byte, error) {
	if len(ix.digest) != digestLength {
		return nil, fmt.Errorf("%q is no SHA-256", ix.digest)
	}
	b := append(make([]byte, headerSize), needsBytes(ix.needs)...)
	entries, err := tree.AppendEntries(nil, ix.entries)
	if err != nil {
		return nil, err
	}
	b = slices.Insert(b, headerSize, entries...)
	copy(b, indexMagic)
	binary.LittleEndian.PutUint64(b[16:], uint64(ix.size))
	binary.LittleEndian.PutUint64(b[24:], uint64(len(entries)))
	copy(b[digestAt:], ix.digest)
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b[12:], castagnoli()))
	return b, nil
}

// decodeIndex reads what encode wrote.
func decodeIndex(b []byte) (*index, error) {
	ix, err := decodeParts(b)
	if err == nil {
		err = ix.check()
	}
	if err != nil && !errors.Is(err, errDamaged) {
		err = fmt.Errorf("%w: %w", errDamaged, err)
	}
	return ix, err
}

func decodeParts(b []byte) (*index, error) {
	if len(b) < headerSize || string(b[:8]) != indexMagic || crc32.Checksum(b[12:], castagnoli()) != binary.LittleEndian.Uint32(b[8:]) {
		return nil, errDamaged
	}
	size, length := binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
	rest := b[headerSize:]
	if length > uint64(len(rest)) || size > 1<<62 {
		return nil, errDamaged
	}
	entries, err := tree.DecodeEntries(rest[:length])
	if err != nil {
		return nil, err
	}
	needs, err := decodeNeeds(rest[length:])
	return &index{
		digest: string(b[digestAt : digestAt+digestLength]), size: int64(size),
		entries: entries, needs: needs,
	}, err
}

// stringList numbers strings in the order in which they come.
type stringList struct {
	all     []string
	numbers map[string]uint64
}

func (l *stringList) number(s string) uint64 {
	n, ok := l.numbers[s]
	if !ok {
		n = uint64(len(l.all))
		l.numbers[s], l.all = n, append(l.all, s)
	}
	return n
}

func needsBytes(needs []need) []byte {
	list := stringList{numbers: make(map[string]uint64)}
	body := binary.AppendUvarint(nil, uint64(len(needs)))
	last := -1
	for _, n := range needs {
		body = binary.AppendUvarint(body, uint64(n.entry-last))
		body = n.append(body, &list)
		last = n.entry
	}
	b := binary.AppendUvarint(nil, uint64(len(list.all)))
	for _, s := range list.all {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return append(b, body...)
}

// append appends the need's kind and what that has.
func (n need) append(b []byte, list *stringList) []byte {
	switch f := n.needs.ELF; {
	case n.problem != "":
		return binary.AppendUvarint(append(b, needProblem), list.number(n.problem))
	case f == nil:
		return binary.AppendUvarint(append(b, needScript), list.number(n.needs.Script))
	case f.Program:
		b = append(b, needProgram)
	default:
		b = append(b, needELF)
	}
	f := n.needs.ELF
	for _, s := range []string{f.OS, f.Arch, f.Interp} {
		b = binary.AppendUvarint(b, list.number(s))
	}
	for _, all := range [][]string{f.Needed, f.RPath, f.RunPath} {
		b = binary.AppendUvarint(b, uint64(len(all)))
		for _, s := range all {
			b = binary.AppendUvarint(b, list.number(s))
		}
	}
	return b
}

// decoder takes what it reads off rest. Once that is not what it must be, bad
// is set, and all that it returns is zero.
type decoder struct {
	rest string
	list []string
	bad  bool
}

// decodeNeeds reads what needsBytes wrote.
func decodeNeeds(b []byte) ([]need, error) {
	d := decoder{rest: string(b)} // one copy, of which every string is a part
	for range d.count() {
		n := d.count()
		d.list = append(d.list, d.rest[:n])
		d.rest = d.rest[n:]
	}
	count := d.count()
	needs := make([]need, 0, count/2) // two bytes at the least
	last := -1
	for range count {
		n := need{entry: last + int(d.number(1<<31))}
		d.need(&n)
		if d.bad {
			break
		}
		needs, last = append(needs, n), n.entry
	}
	if d.bad || d.rest != "" {
		return nil, fmt.Errorf("%w: the needs of its files", errDamaged)
	}
	return needs, nil
}

// need reads a kind and what it has.
func (d *decoder) need(n *need) {
	switch kind := d.number(needProblem); kind {
	case needScript:
		n.needs.Script = d.text()
	case needProblem:
		n.problem = d.text()
	default:
		f := &tree.ELF{Program: kind == needProgram}
		f.OS, f.Arch, f.Interp = d.text(), d.text(), d.text()
		f.Needed, f.RPath, f.RunPath = d.texts(), d.texts(), d.texts()
		n.needs.ELF = f
	}
}

// number reads one that is at most most.
func (d *decoder) number(most uint64) uint64 {
	var n uint64
	for i := 0; i < len(d.rest) && i < binary.MaxVarintLen64; i++ {
		n |= uint64(d.rest[i]&0x7f) << (7 * i)
		if d.rest[i]&0x80 != 0 {
			continue
		}
		d.rest = d.rest[i+1:]
		if n > most {
			break
		}
		return n
	}
	d.bad, d.rest = true, ""
	return 0
}

// count reads a number of things of which each takes a byte at the least.
func (d *decoder) count() int {
	n := d.number(uint64(len(d.rest)))
	if n > uint64(len(d.rest)) {
		d.bad, d.rest = true, ""
		return 0
	}
	return int(n)
}

// text reads the number of a string.
func (d *decoder) text() string {
	if len(d.list) == 0 {
		d.bad, d.rest = true, ""
		return ""
	}
	return d.list[d.number(uint64(len(d.list)-1))]
}

func (d *decoder) texts() []string {
	n := d.count()
	if n == 0 {
		return nil
	}
	all := make([]string, n)
	for i := range all {
		all[i] = d.text()
	}
	return all
}
