package ffs_test

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/ffs"
	"github.com/fakecracker/fakecracker/test/ffs/trial"
)

// A specimen is a tree with one of everything.
type specimen struct {
	shape    shape
	entries  []ffs.Entry
	contents map[string]trial.Content // of the regular files
}

// epoch is when most of it was made.
var epoch = time.Date(2024, 2, 29, 12, 34, 56, 0, time.UTC)

func newSpecimen(t *testing.T, s shape) *specimen {
	t.Helper()
	p := &specimen{shape: s, contents: map[string]trial.Content{}}
	p.folder("/")
	p.addSizes()
	p.addMany()
	p.addNames()
	p.addLinks()
	p.addNodes()
	p.addAttributes()
	p.addSparse()
	p.addHostFiles(t)
	return p
}

func (p *specimen) add(e ffs.Entry) {
	if e.ModTime.IsZero() {
		e.ModTime = epoch.Add(time.Duration(len(p.entries)) * time.Hour)
		if p.shape.version == 2 {
			e.ModTime = e.ModTime.Add(time.Duration(len(p.entries) * 7919))
		}
	}
	p.entries = append(p.entries, e)
}

func (p *specimen) folder(path string) { p.add(ffs.Entry{Path: path, Mode: fs.ModeDir | 0o755}) }

// opened is a Content as a file that was opened.
type opened struct{ *io.SectionReader }

func (opened) Close() error { return nil }

func open(c trial.Content) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return opened{io.NewSectionReader(c, 0, c.Size)}, nil }
}

// file adds a regular file, with the attributes that e has.
func (p *specimen) file(e ffs.Entry, c trial.Content) {
	if e.Mode == 0 {
		e.Mode = 0o644
	}
	e.Size = c.Size
	if e.Open == nil {
		e.Open = open(c)
	}
	p.contents[e.Path] = c
	p.add(e)
}

func (p *specimen) dense(path string, size int64) {
	p.file(ffs.Entry{Path: path}, trial.Dense(uint32(len(p.entries)), size))
}

// addSizes adds files around whose sizes fragments, blocks and levels begin.
func (p *specimen) addSizes() {
	p.folder("/sizes")
	b, f := int64(p.shape.block), int64(p.shape.fragment)
	for _, at := range []int64{0, f, 2 * f, 7 * f, b, b + f, 2 * b, 11 * b, 12 * b, 12*b + f, 13 * b, 40 * b} {
		for d := int64(-1); d <= 1; d++ {
			name := fmt.Sprintf("/sizes/%d", at+d)
			if _, had := p.contents[name]; at+d >= 0 && !had {
				p.dense(name, at+d)
			}
		}
	}
	if deep := p.shape.levels()[1]; deep < 5<<20 {
		p.dense("/sizes/double", deep+b+1)
	}
}

// addMany adds a folder that needs an indirect block where blocks are small,
// and folders in folders.
func (p *specimen) addMany() {
	p.folder("/many")
	for i := range 900 {
		p.dense(fmt.Sprintf("/many/%0*d", 1+i*7%120, i), int64(i%3))
	}
	path := "/deep"
	for i := range 30 {
		p.folder(path)
		path += fmt.Sprintf("/%d", i)
	}
	for i := range 70 {
		if i == 0 {
			p.folder("/folders")
		}
		p.folder(fmt.Sprintf("/folders/%d", i))
	}
}

// addNames adds what is not a usual name.
func (p *specimen) addNames() {
	p.folder("/names")
	for _, name := range []string{
		" ", "...", "..a", "-", "\\", "a b", "\n", "\x01", "\x7f", "\xff\xfe", "größe", "日本", "a:b", "*?[", "\"", "'",
		strings.Repeat("n", 255), strings.Repeat("m", 254), strings.Repeat("é", 127),
	} {
		p.dense("/names/"+name, 10)
	}
	for n := 1; n < 24; n++ {
		p.dense("/names/"+strings.Repeat("x", n), int64(n))
	}
}

func (p *specimen) addLinks() {
	p.folder("/links")
	for _, n := range []int{1, 2, 58, 59, 60, 61, 118, 119, 120, 121, 300, 511, 512, 513, 1000, 1022, 1023} {
		p.add(ffs.Entry{Path: fmt.Sprintf("/links/symbolic%d", n), Mode: fs.ModeSymlink | 0o755, Target: strings.Repeat("t/", n/2) + strings.Repeat("u", n%2)})
	}
	p.dense("/links/one", 12345)
	p.dense("/links/zero", 0)
	p.add(ffs.Entry{Path: "/links/device", Mode: fs.ModeDevice | fs.ModeCharDevice | 0o600, Major: 1, Minor: 2})
	p.folder("/links/more")
	for _, of := range []string{"one", "zero", "device", "symbolic60", "symbolic300"} {
		for i := range 3 {
			// They stand before and after what they are links to.
			for _, dir := range []string{"/links/more/", "/links/", "/"} {
				p.add(ffs.Entry{Path: fmt.Sprintf("%s%d-%s", dir, i, of), Hardlink: "/links/" + of})
			}
		}
	}
}

func (p *specimen) addNodes() {
	p.folder("/nodes")
	for i, d := range []struct{ major, minor uint32 }{{0, 0}, {2, 2}, {19, 11}, {69, 255}, {69, 256}, {4095, 0}, {0, 1<<20 - 1}, {4095, 1<<20 - 1}} {
		p.add(ffs.Entry{Path: fmt.Sprintf("/nodes/char%d", i), Mode: fs.ModeDevice | fs.ModeCharDevice | 0o640, Major: d.major, Minor: d.minor})
		p.add(ffs.Entry{Path: fmt.Sprintf("/nodes/block%d", i), Mode: fs.ModeDevice | 0o604, Major: d.major, Minor: d.minor})
	}
	p.add(ffs.Entry{Path: "/nodes/fifo", Mode: fs.ModeNamedPipe | 0o622})
	p.add(ffs.Entry{Path: "/nodes/socket", Mode: fs.ModeSocket | 0o777})
}

func (p *specimen) addAttributes() {
	p.folder("/attributes")
	for i, m := range []fs.FileMode{0o1, 0o777, 0o4755 &^ 0o4000, fs.ModeSetuid | 0o755, fs.ModeSetgid | 0o711, fs.ModeSticky | 0o644, fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky | 0o7} {
		p.file(ffs.Entry{Path: fmt.Sprintf("/attributes/mode%d", i), Mode: m}, trial.Dense(9, 1))
		p.add(ffs.Entry{Path: fmt.Sprintf("/attributes/folder%d", i), Mode: m | fs.ModeDir})
	}
	for i, id := range []uint32{1, 1000, 65535, 65536, 1<<31 - 1, 1 << 31, 1<<32 - 2} {
		p.file(ffs.Entry{Path: fmt.Sprintf("/attributes/owner%d", i), UID: id, GID: 1<<32 - 2 - id}, trial.Dense(9, 1))
	}
	for _, flags := range []uint32{1, 2, 4, 8, 0x10000, 0x20000, 0x40000, 0x50005} {
		p.file(ffs.Entry{Path: fmt.Sprintf("/attributes/flags%x", flags), Flags: flags}, trial.Dense(9, 1))
	}
	for i, at := range p.times() {
		p.file(ffs.Entry{
			Path: fmt.Sprintf("/attributes/time%d", i), ModTime: at,
			AccessTime: at.Add(time.Second), ChangeTime: at.Add(2 * time.Second), BirthTime: at.Add(-time.Hour),
		}, trial.Dense(9, 1))
	}
}

// times are those that both versions hold, then those of version 2. FFSv1 has
// nanoseconds too, and seconds of 32 bits.
func (p *specimen) times() []time.Time {
	all := []time.Time{
		time.Unix(1, 0), time.Unix(1e9, 999_999_999), time.Unix(1e9, 1), time.Unix(1<<31-10, 5), time.Unix(-1e9, 123456789), time.Unix(-1<<31+3601, 0),
	}
	if p.shape.version == 2 {
		all = append(all, time.Unix(1<<31, 1), time.Unix(1<<32+5, 7), time.Unix(-1<<32, 9))
	}
	return all
}

// addSparse adds files with data and holes in and between the levels of
// indirection.
func (p *specimen) addSparse() {
	p.folder("/sparse")
	b := int64(p.shape.block)
	add := func(name string, size int64, data ...trial.Range) {
		c := trial.Content{Seed: uint32(len(p.entries)), Size: size, Data: data}
		e := ffs.Entry{Path: "/sparse/" + name, Data: []ffs.Range{}}
		for _, r := range data {
			e.Data = append(e.Data, ffs.Range(r))
		}
		p.file(e, c)
	}
	add("nothing", 20*b)
	add("nothing-odd", 3*b+1)
	add("begin", 5*b+5, trial.Range{Off: 0, Len: 10})
	add("end", 5*b+5, trial.Range{Off: 5 * b, Len: 5})
	add("within", 30*b, trial.Range{Off: 3*b - 1, Len: 2}, trial.Range{Off: 14*b + 7, Len: b})
	for i, at := range p.shape.levels() {
		add(fmt.Sprintf("level%d", i), at+b+1, trial.Range{Off: at - 1, Len: 1}, trial.Range{Off: at, Len: b + 1})
		add(fmt.Sprintf("after%d", i), at+4*b, trial.Range{Off: at + b, Len: b})
	}
	levels := p.shape.levels()
	add("all", levels[2]+3*b-1,
		trial.Range{Off: 0, Len: 1}, trial.Range{Off: 11 * b, Len: 2 * b},
		trial.Range{Off: levels[1] - b, Len: 2 * b}, trial.Range{Off: levels[2] - b, Len: 4*b - 1})
}

// addHostFiles adds files of the host, whose contents the host's kernel moves.
func (p *specimen) addHostFiles(t *testing.T) {
	t.Helper()
	p.folder("/host")
	dir := t.TempDir()
	for i, size := range []int64{1, 5000, 3<<20 + 17} {
		c := trial.Dense(uint32(1000+i), size)
		b := make([]byte, size)
		if _, err := c.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		e := ffs.Entry{Path: fmt.Sprintf("/host/file%d", i), Open: func() (io.ReadCloser, error) { return os.Open(name) }}
		p.file(e, c)
	}
}

// changeable are the regular files of one name that may be written.
func (p *specimen) changeable() map[string]trial.Content {
	all := map[string]trial.Content{}
	for _, e := range p.entries {
		if c, ok := p.contents[e.Path]; ok && e.Flags&^1 == 0 {
			all[e.Path] = c
		}
	}
	for _, e := range p.entries {
		delete(all, e.Hardlink)
	}
	return all
}
