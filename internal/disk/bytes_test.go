package disk

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/internal/partition"
)

// TestBytes holds derived disks to their bytes. Where they change, caches hold
// disks that a new program would make otherwise: raise formatVersion, and put
// the new digests here.
func TestBytes(t *testing.T) {
	if formatVersion != 4 {
		t.Errorf("formatVersion %d: the digests below are of 4", formatVersion)
	}
	for _, c := range []struct {
		name, os string
		o        Options
		want     string
	}{
		{"ffs", "netbsd", Options{}, "c3d7e127bc2e6cecf96eff278439f89e5f8deda41c5fbbdbab2806e7ccb36e42"},
		{"ffs v1 big-endian in a disklabel", "netbsd", Options{Layout: Layout{Scheme: partition.Disklabel, Version: 1, BigEndian: true}}, "6c07c3e00c56437fd7184b546b6aad9da3f2a660d556397ade6d190a5ccfdfff"},
		{"ffs 32k in a GPT", "netbsd", Options{Layout: Layout{Scheme: partition.GPT, BlockSize: 32 << 10}}, "054dc316b6b439a2d8eb053baa20c0078570ea78b89bd7475f60ff843f51a429"},
		{"ffs not after", "netbsd", Options{NotAfter: time.Unix(1_600_000_000, 0)}, "a8dd03a3927e9a84c3ed84721523339ab6af7afe7cf973037a7f4847609dbdad"},
		{"ext4", "linux", Options{}, "dc62493274123ce7f27f62a3c9a581198a33612022eed02036b6d37884039e7d"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Dir = t.TempDir()
			d, err := Derive(t.Context(), testImage(t, c.os), c.o)
			if err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(d.Path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			h := sha256.New()
			if _, err := io.Copy(h, f); err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(h.Sum(nil)); got != c.want {
				t.Errorf("the disk's digest is %s", got)
			}
		})
	}
}
