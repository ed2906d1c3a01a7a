package disk

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// sources opens the contents of files that go into an FFS, several at once.
// They must be the bytes that their digests name: the disk is stored under
// that name, and a file that was edited since would poison the cache. What is
// copied within the kernel can't be looked at on its way, so contents are
// read twice, the second time from memory where there is room.
type sources struct {
	ctx context.Context // of the one write that this is for

	mu    sync.Mutex
	hosts map[string]fs.FileInfo // files of the host, as they were when first opened
}

// open opens the contents of e after a look at them. Where they are a whole
// file of the host, it returns an *os.File.
func (s *sources) open(e tree.Entry) (io.ReadCloser, error) {
	r, err := e.Open()
	if err != nil {
		return nil, fmt.Errorf("%w (build the image again)", err)
	}
	if err = s.note(e.Content.Host); err == nil {
		err = s.verify(r, e)
	}
	if err != nil {
		_ = r.Close() // only read from
		return nil, err
	}
	return r, nil
}

func (s *sources) verify(r io.ReaderAt, e tree.Entry) error {
	h := sha256.New()
	if _, err := io.Copy(h, tree.Interruptible(s.ctx, io.NewSectionReader(r, 0, e.Size))); err != nil {
		return err
	}
	return checkDigest(e, h.Sum(nil))
}

// checkDigest compares the SHA-256 of what was read for e with its digest.
func checkDigest(e tree.Entry, sum []byte) error {
	if got := "sha256:" + hex.EncodeToString(sum); got != e.Digest {
		return fmt.Errorf("%s is not what the image was built with (digest %s, not %s): build it again",
			cmp.Or(e.Content.Host, "its content"), got, e.Digest)
	}
	return nil
}

// note keeps in mind what the file of the host is like.
func (s *sources) note(host string) error {
	if host == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hosts[host] != nil {
		return nil
	}
	fi, err := os.Stat(host)
	if err != nil {
		return err
	}
	if s.hosts == nil {
		s.hosts = make(map[string]fs.FileInfo)
	}
	s.hosts[host] = fi
	return nil
}

// unchanged fails if a file of the host was written to since it was opened.
func (s *sources) unchanged() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for host, was := range s.hosts {
		is, err := os.Stat(host)
		if err != nil {
			return fmt.Errorf("look again at what was copied: %w", err)
		}
		if !os.SameFile(was, is) || is.Size() != was.Size() || !is.ModTime().Equal(was.ModTime()) {
			return fmt.Errorf("%s was changed while it was copied: try again", host)
		}
	}
	return nil
}
