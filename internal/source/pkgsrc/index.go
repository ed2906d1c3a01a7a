package pkgsrc

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// A parsed summary is kept as one file: a head that is read whole, and the
// records of packages, which are read one by one.
//
//	offset  bytes
//	0       16    indexMagic
//	16      8     length of the head, little-endian
//	24      head
//	              string  header, in JSON
//	              number  of packages
//	              of each package, sorted by its name, the newest version of
//	              one first:
//	                string   name
//	                string   version
//	                number   length of its record
//	                4 bytes  CRC-32C of the record, little-endian
//	…       4     CRC-32C of the head, little-endian
//	…       …     records, as appendRecord writes them
//
// Numbers are varints, strings come after their length.
const (
	indexMagic = "fc-pkgsummary-3\n"
	headAt     = 24
	maxHead    = 1 << 28 // bytes
	maxHeader  = 1 << 14 // bytes of the JSON and its length
)

// header is what is known of the summary itself.
type header struct {
	Address string `json:"address"` // of the summary
	Stamp   string `json:"stamp"`   // what the server said of its state
	Digest  string `json:"digest"`  // of the summary, unpacked, "sha256:…"
	Sums    string `json:"sums"`    // digest of the list of checksums beside it; may be empty
}

var errDamaged = errors.New("it is damaged, or another version's")

// An index is a repository's packages. What is known of one is only read when
// it is asked for, so that opening the index of 25,000 takes a few ms.
type index struct {
	header
	packages []listed
	records  io.ReaderAt
	file     io.Closer // may be nil
}

// listed is a package of an index, and where its record is.
type listed struct {
	base, version string
	offset        int64 // in records
	size          int   // bytes
	sum           uint32
}

func (l listed) name() string { return l.base + "-" + l.version }

// Close closes the file that the index is in.
func (x *index) Close() error {
	if x.file == nil {
		return nil
	}
	return x.file.Close()
}

// checksumOf is the CRC that an index has of its parts.
func checksumOf(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// makeIndex makes an index of the packages that entries adds. Of two that have
// the same name the first one stays.
func makeIndex(h header, entries func(add func(e *entry) error) error) (*index, error) {
	x := &index{header: h}
	var records []byte
	err := entries(func(e *entry) error {
		l := listed{base: e.Base, version: e.Version, offset: int64(len(records))}
		records = appendRecord(records, e)
		record := records[l.offset:]
		l.size, l.sum = len(record), checksumOf(record)
		x.packages = append(x.packages, l)
		return nil
	})
	slices.SortStableFunc(x.packages, func(a, b listed) int {
		return cmp.Or(strings.Compare(a.base, b.base), compareVersions(b.version, a.version), strings.Compare(a.version, b.version))
	})
	x.packages = slices.CompactFunc(x.packages, func(a, b listed) bool { return a.base == b.base && a.version == b.version })
	x.records = bytes.NewReader(records)
	return x, err
}

// record reads what the index says of a package.
func (x *index) record(l listed) ([]byte, error) {
	b := make([]byte, l.size)
	if _, err := x.records.ReadAt(b, l.offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read what is known of %s: %w", l.name(), err)
	}
	if checksumOf(b) != l.sum {
		return nil, fmt.Errorf("read what is known of %s: %w", l.name(), errDamaged)
	}
	return b, nil
}

// entry returns what is known of a package.
func (x *index) entry(l listed) (*entry, error) {
	b, err := x.record(l)
	if err != nil {
		return nil, err
	}
	e := &entry{Base: l.base, Version: l.version}
	d := decoder{rest: string(b)}
	e.Size = int64(d.number())
	for _, f := range e.fields() {
		*f.value = d.text()
	}
	for _, list := range e.lists() {
		for n := d.number(); n > 0 && !d.bad; n-- {
			*list.values = append(*list.values, d.text())
		}
	}
	if d.bad || d.rest != "" {
		return nil, fmt.Errorf("read what is known of %s: %w", l.name(), errDamaged)
	}
	return e, nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendRecord(b []byte, e *entry) []byte {
	b = binary.AppendUvarint(b, uint64(e.Size))
	for _, f := range e.fields() {
		b = appendText(b, *f.value)
	}
	for _, list := range e.lists() {
		b = binary.AppendUvarint(b, uint64(len(*list.values)))
		for _, v := range *list.values {
			b = appendText(b, v)
		}
	}
	return b
}

// save writes the index to path.
func (x *index) save(path string) error {
	h, err := json.Marshal(x.header)
	if err != nil {
		return err
	}
	head := appendText(nil, string(h))
	head = binary.AppendUvarint(head, uint64(len(x.packages)))
	for _, l := range x.packages {
		head = binary.AppendUvarint(appendText(appendText(head, l.base), l.version), uint64(l.size))
		head = binary.LittleEndian.AppendUint32(head, l.sum)
	}
	start := binary.LittleEndian.AppendUint64([]byte(indexMagic), uint64(len(head)))
	start = binary.LittleEndian.AppendUint32(append(start, head...), checksumOf(head))
	return atomicfile.Write(path, 0o644, func(w io.Writer) error {
		_, err := w.Write(start)
		for i := 0; i < len(x.packages) && err == nil; i++ {
			var b []byte
			if b, err = x.record(x.packages[i]); err == nil {
				_, err = w.Write(b)
			}
		}
		return err
	})
}

// openIndex opens what save wrote, for the caller to close.
func openIndex(path string) (*index, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	var x *index
	if err == nil {
		x, err = decodeIndex(f, fi.Size())
	}
	if err != nil {
		return nil, cmp.Or(fmt.Errorf("read %s: %w", path, err), f.Close())
	}
	x.file = f
	return x, nil
}

// decodeIndex reads an index of size bytes.
func decodeIndex(r io.ReaderAt, size int64) (*index, error) {
	start := make([]byte, headAt)
	if _, err := r.ReadAt(start, 0); err != nil || string(start[:len(indexMagic)]) != indexMagic {
		return nil, errDamaged
	}
	n := binary.LittleEndian.Uint64(start[len(indexMagic):])
	if n > maxHead || headAt+int64(n)+4 > size {
		return nil, errDamaged
	}
	head := make([]byte, n+4)
	if _, err := r.ReadAt(head, headAt); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if checksumOf(head[:n]) != binary.LittleEndian.Uint32(head[n:]) {
		return nil, errDamaged
	}
	x := &index{}
	recordsAt := headAt + int64(len(head))
	x.records = io.NewSectionReader(r, recordsAt, size-recordsAt)
	return x, x.decodeHead(string(head[:n]), size-recordsAt)
}

// decodeHead reads the head, whose records have to be size bytes long.
func (x *index) decodeHead(head string, size int64) error {
	d := decoder{rest: head}
	if err := json.Unmarshal([]byte(d.text()), &x.header); err != nil {
		return errDamaged
	}
	n := d.number()
	if n > uint64(len(d.rest)) {
		return errDamaged
	}
	x.packages = make([]listed, n)
	var offset int64
	for i := range x.packages {
		l := listed{base: d.text(), version: d.text(), offset: offset}
		length := d.number()
		if length > math.MaxInt32 {
			return errDamaged
		}
		l.size, l.sum = int(length), d.uint32()
		offset += int64(length)
		x.packages[i] = l
	}
	if d.bad || d.rest != "" || offset != size {
		return errDamaged
	}
	return nil
}

// readHeader reads only what an index says of itself.
func readHeader(path string) (h header, err error) {
	f, err := os.Open(path)
	if err != nil {
		return header{}, err
	}
	defer func() { err = cmp.Or(err, f.Close()) }()
	b := make([]byte, headAt+maxHeader)
	n, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return header{}, err
	}
	if n < headAt || string(b[:len(indexMagic)]) != indexMagic {
		return header{}, fmt.Errorf("read %s: %w", path, errDamaged)
	}
	d := decoder{rest: string(b[headAt:n])}
	if err := json.Unmarshal([]byte(d.text()), &h); err != nil {
		return header{}, fmt.Errorf("read %s: %w", path, errDamaged)
	}
	return h, nil
}

// named returns the packages whose name without the version is base, the
// newest first.
func (x *index) named(base string) []listed {
	from := sort.Search(len(x.packages), func(i int) bool { return x.packages[i].base >= base })
	to := from
	for to < len(x.packages) && x.packages[to].base == base {
		to++
	}
	return x.packages[from:to]
}

// starting returns the packages whose name without the version begins with
// prefix.
func (x *index) starting(prefix string) []listed {
	from := sort.Search(len(x.packages), func(i int) bool { return x.packages[i].base >= prefix })
	to := from
	for to < len(x.packages) && strings.HasPrefix(x.packages[to].base, prefix) {
		to++
	}
	return x.packages[from:to]
}
