package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

const (
	// partPrefix begins the names of unfinished downloads.
	partPrefix = "part-"
	// partAge is how long one waits to be gone on with.
	partAge = 7 * 24 * time.Hour
)

// part is an unfinished download: part-<key>, and part-<key>.json about it. The
// key is of the digest, else of the address.
type part struct {
	addr string
	want checksum // zero: any bytes will do
	path string
	file *os.File // locked
	meta partMeta
}

// partMeta tells which version of a file a part is of.
type partMeta struct {
	Version      int    `json:"version"`
	URL          string `json:"url"`
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"lastModified,omitempty"`
}

// validator is what If-Range takes: a strong ETag, else a date.
func (m partMeta) validator() string {
	if m.ETag != "" && !strings.HasPrefix(m.ETag, "W/") {
		return m.ETag
	}
	return m.LastModified
}

// withPart calls f while no one else has the part.
func (c *Client) withPart(ctx context.Context, addr string, want checksum, f func(*part) error) (err error) {
	if c.Dir == "" {
		return fmt.Errorf("get %s: there is no folder for downloads", addr)
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return fmt.Errorf("make the folder for downloads: %w", err)
	}
	for prefix, age := range map[string]time.Duration{atomicfile.Prefix: atomicfile.Stale, partPrefix: partAge} {
		// A courtesy: what it can't remove, the next may.
		_ = atomicfile.Sweep(c.Dir, prefix, age)
	}
	p, err := openPart(ctx, addr, c.Dir, want)
	if err != nil {
		return fmt.Errorf("get %s: %w", addr, err)
	}
	defer func() { err = both(err, p.file.Close()) }()
	return f(p)
}

func openPart(ctx context.Context, addr, dir string, want checksum) (*part, error) {
	key := want.fileName()
	if want == (checksum{}) {
		sum := sha256.Sum256([]byte(addr))
		key = hex.EncodeToString(sum[:16])
	}
	p := &part{addr: addr, want: want, path: filepath.Join(dir, partPrefix+key)}
	var err error
	if p.file, err = atomicfile.LockFile(ctx, p.path); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(p.metaPath())
	if err == nil {
		// A damaged record only costs the part.
		_ = json.Unmarshal(b, &p.meta)
	}
	if p.meta.Version != 1 || p.meta.URL != addr {
		p.meta = partMeta{Version: 1, URL: addr}
	}
	return p, nil
}

func (p *part) metaPath() string { return p.path + ".json" }

// rangeFrom returns the header of a request for what is behind the first have
// bytes, nil for all. Without a validator only the digest can tell whether the
// two halves are of one file.
func (p *part) rangeFrom(have int64) http.Header {
	v := p.meta.validator()
	if have == 0 || v == "" && p.want == (checksum{}) {
		return nil
	}
	h := http.Header{}
	h.Set("Range", fmt.Sprintf("bytes=%d-", have))
	if v != "" {
		h.Set("If-Range", v)
	}
	return h
}

// begin empties the part and notes which version is coming.
func (p *part) begin(resp *http.Response) error {
	if err := p.reset(); err != nil {
		return err
	}
	p.meta.ETag, p.meta.LastModified = resp.Header.Get("ETag"), resp.Header.Get("Last-Modified")
	b, err := json.Marshal(p.meta)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(p.metaPath(), b, 0o644)
}

func (p *part) reset() error {
	p.meta.ETag, p.meta.LastModified = "", ""
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	_, err := p.file.Seek(0, io.SeekStart)
	return err
}

// removeEmpty removes a part that there is nothing of.
func (p *part) removeEmpty() error {
	fi, err := p.file.Stat()
	if err != nil || fi.Size() > 0 {
		return err
	}
	return p.remove()
}

// rename gives the part, which is whole, its name. Who waits for the lock has
// a new part then, which is not to be removed.
func (p *part) rename(to string) error {
	if err := os.Rename(p.path, to); err != nil {
		return err
	}
	if err := os.Remove(p.metaPath()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (p *part) remove() error {
	var all error
	for _, f := range []string{p.path, p.metaPath()} {
		if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = both(all, err)
		}
	}
	return all
}
