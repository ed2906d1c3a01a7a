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
	if formatVersion != 3 {
		t.Errorf("formatVersion %d: the digests below are of 3", formatVersion)
	}
	for _, c := range []struct {
		name, os string
		o        Options
		want     string
	}{
		{"ffs", "netbsd", Options{}, "c3d7e127bc2e6cecf96eff278439f89e5f8deda41c5fbbdbab2806e7ccb36e42"},
		{"ffs v1 big-endian in a disklabel", "netbsd", Options{Layout: Layout{Scheme: partition.Disklabel, Version: 1, BigEndian: true}}, "b930e94c89fa04a9896540ff135d841ca9a765b7437e797b4fcabeb953c95a7a"},
		{"ffs 32k in a GPT", "netbsd", Options{Layout: Layout{Scheme: partition.GPT, BlockSize: 32 << 10}}, "b26762d39c313eff3ec65cb3e126406ed1e7748f4b7ebdd4ced46761793eecb5"},
		{"ffs not after", "netbsd", Options{NotAfter: time.Unix(1_600_000_000, 0)}, "a8dd03a3927e9a84c3ed84721523339ab6af7afe7cf973037a7f4847609dbdad"},
		{"ext4", "linux", Options{}, "c03b2bcd974ad29d375655463ccca179536d960cccf6cfec8568ae8bf573b3fa"},
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
