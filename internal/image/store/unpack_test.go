package store

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

func tarOf(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range headers {
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, strings.Repeat("x", int(h.Size))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func unpackBytes(t testing.TB, dir string, b []byte) (Layer, string, error) {
	t.Helper()
	s := &Store{Dir: dir}
	st, err := s.stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer st.close() // in a temporary folder
	open := func(context.Context) (io.ReadCloser, error) { return bytesReader(b), nil }
	id, err := st.unpack(t.Context(), blob{open: open, size: int64(len(b))}, "")
	if err != nil {
		return Layer{}, "", err
	}
	if err := st.place(); err != nil {
		t.Fatal(err)
	}
	l, err := s.readLayer(id)
	return l, id, err
}

func TestUnpackRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    []byte
	}{
		{"a path that climbs", tarOf(t, tar.Header{Name: "../x"})},
		{"the removal of ..", tarOf(t, tar.Header{Name: "a/.wh..."})},
		{"the removal of nothing", tarOf(t, tar.Header{Name: "a/.wh."})},
		{"an unknown type", tarOf(t, tar.Header{Name: "a", Typeflag: 'Z'})},
		{"an archive that is cut", tarOf(t, tar.Header{Name: "a", Size: 4000})[:1024]},
		{"no archive", bytes.Repeat([]byte("text"), 1000)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if l, _, err := unpackBytes(t, t.TempDir(), tt.b); err == nil {
				t.Errorf("unpacked: %+v", l)
			}
		})
	}
}

// FuzzUnpack: a layer that was taken is taken again as itself from the archive
// that is made of it.
func FuzzUnpack(f *testing.F) {
	f.Add(tarOf(f, tar.Header{Name: "b", Size: 3}, tar.Header{Name: "a/.wh.x"}, tar.Header{Name: "a/.wh..wh..opq"}, tar.Header{Name: "a", Typeflag: tar.TypeDir}))
	f.Add(tarOf(f, tar.Header{Name: "b", Size: 3}, tar.Header{Name: "c", Typeflag: tar.TypeLink, Linkname: "b"}, tar.Header{Name: "a", Typeflag: tar.TypeLink, Linkname: "c"}, tar.Header{Name: "b", Size: 1}))
	f.Add(tarOf(f, tar.Header{Name: "x", Size: 1}, tar.Header{Name: ".wh.x"}, tar.Header{Name: "d", Typeflag: tar.TypeDir}, tar.Header{Name: ".wh.d"}, tar.Header{Name: ".wh..wh..opq"}))
	f.Add(tarOf(f, tar.Header{Name: "s", Typeflag: tar.TypeSymlink, Linkname: "../../x"}, tar.Header{Name: "n", Typeflag: tar.TypeChar, Devmajor: 2, Devminor: 300}))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, id, err := unpackBytes(t, filepath.Join(t.TempDir(), "first"), b)
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := l.writeTar(t.Context(), &again); err != nil {
			t.Fatalf("write it again: %v", err)
		}
		if _, second, err := unpackBytes(t, filepath.Join(t.TempDir(), "second"), again.Bytes()); err != nil || second != id {
			t.Errorf("taken as %s, from its own archive as %s, %v", id, second, err)
		}
	})
}
