package pkgsrc

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// A parsed summary is kept as one file. Numbers are varints, strings come
// after their length.
//
//	indexMagic
//	string   header, in JSON
//	number   of packages
//	of each package, sorted by its name, the newest version of one first:
//	  string   name
//	  string   version
//	  string   record: File, Size and so on, as appendRecord writes them
//	4 bytes  CRC-32C of all that comes before, little-endian
const indexMagic = "fc-pkgsummary-1\n"

// header is what is known of the summary itself.
type header struct {
	Address string `json:"address"` // of the summary
	Stamp   string `json:"stamp"`   // what the server said of its state
	Digest  string `json:"digest"`  // of the summary, unpacked, "sha256:…"
	Sums    string `json:"sums"`    // digest of the list of checksums beside it; may be empty
}

var errDamaged = errors.New("it is damaged, or another version's")

// An index is a repository's packages. What is known of one is decoded when
// it is asked for: to open the index of 25,000 takes some 10 ms.
type index struct {
	header
	packages []listed
}

// listed is a package of an index.
type listed struct {
	base, version string
	record        string
}

func (l listed) name() string { return l.base + "-" + l.version }

// entry returns what is known of the package.
func (l listed) entry() (*entry, error) {
	e := &entry{Base: l.base, Version: l.version}
	d := decoder{rest: l.record}
	e.Size = int64(d.number())
	for _, f := range e.fields() {
		*f.value = d.text()
	}
	for _, list := range e.lists() {
		n := d.number()
		for ; n > 0 && !d.bad; n-- {
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

// sortListed brings packages into an index's order. Of two that have the same
// name the first one stays.
func sortListed(packages []listed) []listed {
	slices.SortStableFunc(packages, func(a, b listed) int {
		return cmp.Or(strings.Compare(a.base, b.base), compareVersions(b.version, a.version), strings.Compare(a.version, b.version))
	})
	return slices.CompactFunc(packages, func(a, b listed) bool { return a.base == b.base && a.version == b.version })
}

// save writes the index to path.
func (x *index) save(path string) error {
	h, err := json.Marshal(x.header)
	if err != nil {
		return err
	}
	b := appendText([]byte(indexMagic), string(h))
	b = binary.AppendUvarint(b, uint64(len(x.packages)))
	for _, l := range x.packages {
		b = appendText(appendText(appendText(b, l.base), l.version), l.record)
	}
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return atomicfile.WriteFile(path, b, 0o644)
}

// openIndex reads what save wrote.
func openIndex(path string) (*index, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	x, err := decodeIndex(b)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return x, nil
}

func decodeIndex(b []byte) (*index, error) {
	end := len(b) - 4
	if end < len(indexMagic) || string(b[:len(indexMagic)]) != indexMagic ||
		crc32.Checksum(b[:end], crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(b[end:]) {
		return nil, errDamaged
	}
	x := &index{}
	d := decoder{rest: string(b[len(indexMagic):end])} // one copy, of which every string is a part
	if err := json.Unmarshal([]byte(d.text()), &x.header); err != nil {
		return nil, errDamaged
	}
	n := d.number()
	if n > uint64(len(d.rest)) {
		return nil, errDamaged
	}
	x.packages = make([]listed, n)
	for i := range x.packages {
		x.packages[i] = listed{base: d.text(), version: d.text(), record: d.text()}
	}
	if d.bad || d.rest != "" {
		return nil, errDamaged
	}
	return x, nil
}

// maxHeader is how many bytes of an index readHeader looks at.
const maxHeader = 1 << 14

// readHeader reads only what an index says of itself.
func readHeader(path string) (h header, err error) {
	f, err := os.Open(path)
	if err != nil {
		return header{}, err
	}
	defer func() { err = closed(f, err) }()
	b := make([]byte, maxHeader)
	n, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return header{}, err
	}
	rest, ok := strings.CutPrefix(string(b[:n]), indexMagic)
	d := decoder{rest: rest}
	if err := json.Unmarshal([]byte(d.text()), &h); err != nil || !ok {
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

// decoder takes what it reads off rest. Once that is not what it must be, bad
// is set, and all that it returns is zero.
type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) number() uint64 {
	var n uint64
	for i := 0; i < len(d.rest) && i < binary.MaxVarintLen64; i++ {
		b := d.rest[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			d.rest = d.rest[i+1:]
			return n
		}
	}
	d.bad, d.rest = true, ""
	return 0
}

func (d *decoder) text() string {
	n := d.number()
	if n > uint64(len(d.rest)) {
		d.bad, d.rest = true, ""
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}
