package pkgsrc

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// zeros never ends.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// TestInflated unpacks a small file that is said to hold 1 TiB.
func TestInflated(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a-1.tgz")
	p := testPackage{name: "a-1", files: []testFile{{name: "zeros"}}}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	for _, f := range []struct {
		name string
		size int64
		body io.Reader
	}{{"+CONTENTS", int64(len(p.list())), strings.NewReader(p.list())}, {"zeros", 1 << 40, io.LimitReader(zeros{}, leastInflated+1<<20)}} {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: f.size}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, f.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "pack")
	err = unpack(t.Context(), &entry{Base: "a", Version: "1"}, file, to)
	if err == nil || strings.Contains(err.Error(), "in the middle") {
		t.Errorf("a file of %d bytes was unpacked to more than %d, %v", b.Len(), leastInflated, err)
	}
	t.Log(err)
	if _, err := os.Stat(to); err == nil {
		t.Error("some of it was kept")
	}
}
