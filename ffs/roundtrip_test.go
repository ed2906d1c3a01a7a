package ffs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A grove makes up trees: all that FFS can hold, more often what is near a
// limit of it.
type grove struct {
	*rand.Rand
	options Options
	block   int64
	all     []Entry
	names   map[string]bool
}

// settableFlags are those that chflags(2) sets: UF_NODUMP, UF_IMMUTABLE,
// UF_APPEND, UF_OPAQUE, SF_ARCHIVED, SF_IMMUTABLE and SF_APPEND.
const settableFlags = 0x7000f

func (g *grove) one(n int) bool { return g.IntN(n) == 0 }

// tree makes a tree of about n entries.
func (g *grove) tree(n int) []Entry {
	dirs := []string{"/"}
	g.names = map[string]bool{"/": true}
	g.add("/", fs.ModeDir)
	for len(g.all) < n {
		dir := dirs[g.IntN(len(dirs))]
		if g.one(3) {
			dir = dirs[len(dirs)-1] // deep
		}
		p := path.Join(dir, g.name())
		switch g.IntN(12) {
		case 0, 1:
			if g.add(p, fs.ModeDir) {
				dirs = append(dirs, p)
			}
		case 2:
			g.add(p, fs.ModeSymlink)
		case 3:
			types := []fs.FileMode{fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice, fs.ModeNamedPipe, fs.ModeSocket}
			g.add(p, types[g.IntN(len(types))])
		case 4:
			g.link(p)
		default:
			g.add(p, 0)
		}
	}
	return g.all
}

// name makes a name of bytes, most of them short.
func (g *grove) name() string {
	n := 1 + g.IntN(12)
	if g.one(10) {
		n = 200 + g.IntN(56)
	}
	b := make([]byte, n)
	for i := range b {
		for b[i] == 0 || b[i] == '/' {
			b[i] = byte(g.IntN(256))
		}
	}
	if s := string(b); s != "." && s != ".." {
		return s
	}
	return "dots"
}

// add adds an entry at p, unless there is one.
func (g *grove) add(p string, kind fs.FileMode) bool {
	if g.names[p] && p != "/" {
		return false
	}
	g.names[p] = true
	e := Entry{
		Path: p, Mode: kind | fs.FileMode(g.IntN(0o1000)), UID: g.Uint32(), GID: g.Uint32N(100), Flags: g.Uint32() & settableFlags,
		ModTime: g.time(), AccessTime: g.time(), ChangeTime: g.time(),
	}
	for _, special := range []fs.FileMode{fs.ModeSetuid, fs.ModeSetgid, fs.ModeSticky} {
		if g.one(8) {
			e.Mode |= special
		}
	}
	if g.options.Version == 2 {
		e.BirthTime = g.time()
	}
	switch {
	case kind.IsRegular():
		g.contents(&e)
	case kind == fs.ModeSymlink:
		e.Target = strings.Repeat("t/", 600)[:1+g.IntN(130)]
		if g.one(4) {
			e.Target = strings.Repeat("t/", 600)[:900+g.IntN(124)]
		}
	case kind&fs.ModeDevice != 0:
		e.Major, e.Minor = g.Uint32N(1<<12), g.Uint32N(1<<20)
	}
	g.all = append(g.all, e)
	return true
}

// link makes p another name of an earlier file.
func (g *grove) link(p string) {
	e := g.all[g.IntN(len(g.all))]
	if g.names[p] || e.Mode.IsDir() || e.Hardlink != "" {
		return
	}
	g.names[p] = true
	g.all = append(g.all, Entry{Path: p, Hardlink: e.Path})
}

func (g *grove) time() time.Time {
	sec := int64(int32(g.Uint32()))
	if g.options.Version == 2 && g.one(3) {
		sec = g.Int64N(1<<40) - 1<<39
	}
	return time.Unix(sec, int64(g.IntN(1e9))).UTC()
}

// contents gives a file a size and, where it is sparse, data.
func (g *grove) contents(e *Entry) {
	switch g.IntN(10) {
	case 0:
	case 1, 2:
		e.Size = max(0, g.block*int64(g.IntN(16))+int64(g.IntN(5))-2)
	case 3:
		e.Size = g.Int64N(300_000)
	case 4:
		e.Size = 1 + g.Int64N(1<<g.IntN(33)) // up to 4 GiB
		if g.one(3) {
			e.Size += 1 << 33
		}
		g.holes(e)
	default:
		e.Size = g.Int64N(6000)
	}
	n := noise{g.Uint64(), e.Data}
	if e.Data == nil {
		n.data = []Range{{0, e.Size}}
	}
	size := e.Size
	e.Open = func() (io.ReadCloser, error) { return noiseFile{io.NewSectionReader(n, 0, size)}, nil }
}

func (g *grove) holes(e *Entry) {
	e.Data = []Range{}
	at := int64(0)
	for range g.IntN(6) {
		at += g.Int64N(1 + (e.Size-at)/2)
		n := min(e.Size-at, 1+g.Int64N(30_000))
		if n <= 0 {
			break
		}
		e.Data = append(e.Data, Range{at, n})
		at += n
	}
}

// noise is contents that a seed and the place decide, zeros outside of data.
type noise struct {
	seed uint64
	data []Range
}

func (n noise) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	for _, d := range n.data {
		for at := max(off, d.Off); at < min(off+int64(len(p)), d.Off+d.Len); at++ {
			p[at-off] = byte((n.seed + uint64(at/8)) * 0x9e3779b97f4a7c15 >> (8 * (at % 8)))
		}
	}
	return len(p), nil
}

// A noiseFile is an open file of noise.
type noiseFile struct{ *io.SectionReader }

func (noiseFile) Close() error { return nil }

// writeAndOpen writes entries as an image, which it opens.
func writeAndOpen(t testing.TB, entries []Entry, o Options) *FS {
	t.Helper()
	layout, err := Plan(entries, o)
	check(t, err)
	file, err := os.Create(filepath.Join(t.TempDir(), "img"))
	check(t, err)
	t.Cleanup(func() { file.Close() })
	check(t, layout.Write(context.Background(), file, 0))
	f, err := Open(file)
	check(t, err)
	return f
}

// asRead is what the reader makes of entries that were written.
func asRead(entries []Entry, block int64) []Entry {
	sorted := slices.Clone(entries)
	slices.SortFunc(sorted, func(a, b Entry) int { return ComparePaths(a.Path, b.Path) })
	byPath := map[string]Entry{}
	for _, e := range sorted {
		byPath[e.Path] = e
	}
	first := map[string]string{}
	for i, e := range sorted {
		was := e.Path
		if e.Hardlink != "" {
			was = e.Hardlink
		}
		if p, ok := first[was]; ok {
			sorted[i] = Entry{Path: e.Path, Hardlink: p}
			continue
		}
		first[was] = e.Path
		sorted[i] = byPath[was]
		sorted[i].Path = e.Path
		sorted[i].Data = wholeBlocks(sorted[i], block)
	}
	return sorted
}

// wholeBlocks is where a file has blocks: where there is data, and at its end.
func wholeBlocks(e Entry, block int64) []Range {
	if e.Data == nil {
		return nil
	}
	all := []Range{}
	for _, d := range append(e.Data, Range{e.Size - 1, 1}) {
		from := d.Off / block * block
		to := min((d.Off+d.Len+block-1)/block*block, e.Size)
		if n := len(all); n > 0 && all[n-1].Off+all[n-1].Len >= from {
			all[n-1].Len = max(all[n-1].Len, to-all[n-1].Off)
			continue
		}
		all = append(all, Range{from, to - from})
	}
	if len(all) == 1 && all[0] == (Range{0, e.Size}) {
		return nil
	}
	return all
}

// TestWhatIsWrittenIsRead writes made-up trees, reads them back, and writes
// what was read again: it must be the same, to the last byte.
func TestWhatIsWrittenIsRead(t *testing.T) {
	trees := 6
	if testing.Short() {
		trees = 1
	}
	for v, o := range []Options{
		{Version: 1, Order: binary.LittleEndian, BlockSize: 4096, FragmentSize: 512, MaxBlocksPerGroup: 1000},
		{Version: 1, Order: binary.BigEndian, BlockSize: 32768, FragmentSize: 8192},
		{Version: 2, Order: binary.LittleEndian, BlockSize: 4096, FragmentSize: 1024},
		{Version: 2, Order: binary.BigEndian, BlockSize: 16384, FragmentSize: 2048, MaxBlocksPerGroup: 700},
		{Version: 2, Order: binary.LittleEndian, BlockSize: 65536, FragmentSize: 65536},
	} {
		for seed := range uint64(trees) {
			t.Run(fmt.Sprintf("v%d,%v,%d,seed=%d", o.Version, o.Order, o.BlockSize, seed), func(t *testing.T) {
				g := &grove{Rand: rand.New(rand.NewPCG(seed, uint64(v))), options: o, block: int64(o.BlockSize)}
				testRoundTrip(t, g.tree(20<<(seed%6)), o)
			})
		}
	}
}

func testRoundTrip(t *testing.T, entries []Entry, o Options) {
	t.Helper()
	f := writeAndOpen(t, entries, o)
	var got []Entry
	for e, err := range f.Entries() {
		check(t, err)
		got = append(got, e)
	}
	want := asRead(entries, int64(o.BlockSize))
	if diff := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Open" }, cmp.Ignore())); diff != "" {
		t.Fatal(diff)
	}
	for i := range want {
		compareData(t, want[i], got[i])
	}
	if a, b := digest(t, writeAndOpen(t, want, o)), digest(t, writeAndOpen(t, got, o)); a != b {
		t.Error("what was read makes another image than what was written")
	}
}

// compareData compares contents wherever the image has blocks.
func compareData(t *testing.T, want, got Entry) {
	t.Helper()
	if want.Size == 0 {
		return
	}
	from, err := want.Open()
	check(t, err)
	to, err := got.Open()
	check(t, err)
	defer to.Close()
	data := got.Data
	if data == nil {
		data = []Range{{0, want.Size}}
	}
	for _, d := range data {
		a, b := make([]byte, d.Len), make([]byte, d.Len)
		_, err := from.(io.ReaderAt).ReadAt(a, d.Off)
		check(t, err)
		_, err = to.(io.ReaderAt).ReadAt(b, d.Off)
		check(t, err)
		if !bytes.Equal(a, b) {
			t.Errorf("%q: other bytes within %v", want.Path, d)
		}
	}
}

// digest is a checksum of the whole image.
func digest(t *testing.T, f *FS) [32]byte {
	t.Helper()
	h := sha256.New()
	_, err := io.Copy(h, io.NewSectionReader(f.r, 0, f.sb.Bytes()))
	check(t, err)
	return [32]byte(h.Sum(nil))
}
