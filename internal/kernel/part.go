package kernel

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// part is an unfinished download: <key>.part, and <key>.json about it.
type part struct {
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

func openPart(ctx context.Context, addr, dir string) (*part, error) {
	p := &part{path: filepath.Join(dir, sum([]byte(addr))[:32]+".part")}
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

func (p *part) metaPath() string { return strings.TrimSuffix(p.path, ".part") + ".json" }

func (p *part) reset() error {
	p.meta.ETag, p.meta.LastModified = "", ""
	return p.file.Truncate(0)
}

// removeEmpty removes a part that there is nothing of.
func (p *part) removeEmpty() error {
	fi, err := p.file.Stat()
	if err != nil || fi.Size() > 0 {
		return err
	}
	return p.remove()
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

func (p *part) check(ctx context.Context, addr string, want checksum) error {
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return want.check(limited(ctx, p.file), addr)
}

// begin empties the part and notes which version is coming.
func (p *part) begin(resp *http.Response) error {
	if err := p.reset(); err != nil {
		return err
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	p.meta.ETag, p.meta.LastModified = resp.Header.Get("ETag"), resp.Header.Get("Last-Modified")
	b, err := json.Marshal(p.meta)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(p.metaPath(), b, 0o644)
}
