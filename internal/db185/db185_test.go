package db185

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func pair(key, data string) Pair { return Pair{Key: []byte(key), Data: []byte(data)} }

func TestHeaderSize(t *testing.T) {
	if n := binary.Size(header{}); n != headerSize || len(new(header).encode()) != headerSize {
		t.Errorf("the header has %d bytes; want %d", n, headerSize)
	}
}

func TestHash(t *testing.T) {
	for key, want := range map[string]uint32{"": 0, "a": 97, "ab": 97*33 + 98, testKey: 0x956e7de3} {
		if got := hash([]byte(key)); got != want {
			t.Errorf("hash(%q) = %#x; want %#x", key, got, want)
		}
	}
}

func TestGolden(t *testing.T) {
	pairs := []Pair{
		pair("one", "1"), pair("two", "22"), pair("none", ""), pair("one", "again"),
		pair("big", strings.Repeat("data of a big pair. ", 40)), pair(strings.Repeat("big key ", 70), "data"),
	}
	for name, o := range map[string]Options{
		"little": {BlockSize: 512, FillFactor: 2, Elements: 1},
		"big":    {BlockSize: 512, FillFactor: 2, Elements: 1, BigEndian: true},
	} {
		got, err := Encode(pairs, o)
		if err != nil {
			t.Fatal(err)
		}
		golden := "testdata/" + name + ".db"
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs; see -update", golden)
		}
		checkFile(t, want, pairs, o.BigEndian)
	}
}

// checkFile checks that b holds pairs, of those with one key the first.
func checkFile(t *testing.T, b []byte, pairs []Pair, big bool) {
	t.Helper()
	f, err := Open(b)
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string)
	for _, p := range pairs {
		if _, ok := want[string(p.Key)]; !ok {
			want[string(p.Key)] = string(p.Data)
		}
	}
	all, err := f.All()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, p := range all {
		got[string(p.Key)] = string(p.Data)
	}
	if diff := cmp.Diff(want, got); diff != "" || len(all) != len(want) || f.BigEndian() != big || int(f.h.Keys) != len(want) {
		t.Fatalf("%d pairs, big-endian %v\n%s", len(all), f.BigEndian(), diff)
	}
	for key, data := range want {
		if d, ok, err := f.Get([]byte(key)); err != nil || !ok || string(d) != data {
			t.Fatalf("Get(%q) = %q, %v, %v", key, d, ok, err)
		}
		if _, ok, err := f.Get([]byte(key + "?")); err != nil || ok != (want[key+"?"] != "") {
			t.Fatalf("Get(%q) finds it: %v, %v", key+"?", ok, err)
		}
	}
}

// someBytes returns up to n bytes of few different values, so that keys and
// parts of them resemble each other.
func someBytes(r *rand.Rand, least, n int) []byte {
	b := make([]byte, least+r.IntN(max(1, n-least)))
	for i := range b {
		b[i] = byte(r.IntN(4))
	}
	return b
}

// TestRandom writes files of all shapes, with pairs whose sizes are about
// those at which a pair just fits a page, and reads them.
func TestRandom(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 185))
		o := Options{BlockSize: 512 << r.IntN(4), FillFactor: 1 + r.IntN(40), Elements: 1 + r.IntN(500), BigEndian: r.IntN(2) == 0}
		var pairs []Pair
		for range r.IntN(150) {
			p := Pair{Key: someBytes(r, 1, 12), Data: someBytes(r, 0, 80)}
			switch r.IntN(16) {
			case 0:
				p.Key = someBytes(r, o.BlockSize-40, o.BlockSize+20)
			case 1:
				p.Data = someBytes(r, o.BlockSize-60, o.BlockSize)
			case 2:
				p.Key, p.Data = someBytes(r, 1, 3*o.BlockSize), someBytes(r, 0, 5*o.BlockSize)
			}
			pairs = append(pairs, p)
		}
		b, err := Encode(pairs, o)
		if err != nil {
			t.Fatalf("seed %d, %+v: %v", seed, o, err)
		}
		checkFile(t, b, pairs, o.BigEndian)
	}
}

// TestBoundaries writes one big pair of each size near those at which its
// parts fill pages.
func TestBoundaries(t *testing.T) {
	const block = 512
	for key := block - 20; key < block+4; key++ {
		for data := range 2*block + 10 {
			if data > 4 && data < block-20 || data > block+4 && data < 2*block-30 {
				continue
			}
			pairs := []Pair{
				{Key: bytes.Repeat([]byte{'k'}, key), Data: bytes.Repeat([]byte{'d'}, data)},
				{Key: bytes.Repeat([]byte{'K'}, data+1), Data: bytes.Repeat([]byte{'D'}, key)},
				pair("after", "it"),
			}
			b, err := Encode(pairs, Options{BlockSize: block, Elements: 1})
			if err != nil {
				t.Fatal(err)
			}
			checkFile(t, b, pairs, false)
		}
	}
}

func TestManyPairs(t *testing.T) {
	many := func(n, size int) (pairs []Pair) {
		for i := range n {
			pairs = append(pairs, pair(fmt.Sprint("key ", i), strings.Repeat("x", size)))
		}
		return pairs
	}
	for name, tt := range map[string]struct {
		pairs []Pair
		o     Options
	}{
		"default": {many(9000, 60), Options{}},
		// They need more overflow pages than a doubling has, unless there are
		// more buckets than asked for.
		"more buckets": {many(2200, 260), Options{BlockSize: 512, FillFactor: 1 << 16}},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := Encode(tt.pairs, tt.o)
			if err != nil {
				t.Fatal(err)
			}
			checkFile(t, b, tt.pairs, false)
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		pairs []Pair
		o     Options
		want  string
	}{
		"empty key":   {[]Pair{pair("a", "b"), pair("", "x")}, Options{}, "the key of pair 1 is empty"},
		"block size":  {nil, Options{BlockSize: 1000}, "block size 1000"},
		"small block": {nil, Options{BlockSize: 256}, "block size 256"},
		"fill factor": {nil, Options{FillFactor: -1}, "fill factor -1"},
		"elements":    {nil, Options{Elements: -1}, "-1 elements"},
		"too big":     {[]Pair{pair("a", strings.Repeat("x", 3000*512))}, Options{BlockSize: 512}, "use bigger blocks"},
	} {
		if _, err := Encode(tt.pairs, tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", name, err, tt.want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	whole, err := Encode([]Pair{pair("a", "b")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	change := func(at int, v uint32) []byte {
		b := slices.Clone(whole)
		binary.BigEndian.PutUint32(b[at:], v)
		return b
	}
	for name, tt := range map[string]struct {
		b    []byte
		want string
	}{
		"short":     {whole[:100], "its 100 bytes are too few"},
		"magic":     {change(0, 1), "it begins with 0x1"},
		"version":   {change(4, 3), "version 3"},
		"order":     {change(8, 3412), "byte order 3412"},
		"block":     {change(12, 8192), "pages of 8192 bytes (shift 12)"},
		"hash":      {change(64, 1), "another hash function"},
		"header":    {change(60, 1000), "a header of 1000 pages"},
		"buckets":   {change(40, 1<<31), "buckets; at most"},
		"mask":      {change(44, 6), "masks 0x6 and 0x7"},
		"spares":    {change(68+4, 7), "0 overflow pages up to doubling 2"},
		"doublings": {change(32, 1), "overflow pages of doubling 1"},
	} {
		if _, err := Open(tt.b); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", name, err, tt.want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	for _, name := range []string{"little", "big"} {
		b, err := os.ReadFile("testdata/" + name + ".db")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := Open(b)
		if err != nil {
			return
		}
		all, err := h.All()
		n := 0
		for _, p := range all {
			n += len(p.Key) + len(p.Data)
		}
		if n > len(b) {
			t.Fatalf("%d bytes of pairs in %d", n, len(b))
		}
		for _, p := range all {
			if err == nil {
				if _, _, err := h.Get(p.Key); err != nil {
					t.Fatalf("Get(%q): %v", p.Key, err)
				}
			}
		}
	})
}

func FuzzEncode(f *testing.F) {
	f.Add([]byte("some bytes that pairs are cut from"), uint16(3), uint16(500), false)
	f.Fuzz(func(t *testing.T, b []byte, keySize, dataSize uint16, big bool) {
		var pairs []Pair
		for len(b) > 0 {
			key := bytes.Repeat(b[:1], 1+int(keySize)%1500)
			pairs = append(pairs, Pair{Key: append(key, b...), Data: bytes.Repeat(b[:1], int(dataSize)%3000)})
			b = b[1:]
			if len(pairs) > 50 {
				break
			}
		}
		out, err := Encode(pairs, Options{BlockSize: 512, Elements: 1, FillFactor: 3, BigEndian: big})
		if err != nil {
			t.Fatal(err)
		}
		checkFile(t, out, pairs, big)
	})
}
