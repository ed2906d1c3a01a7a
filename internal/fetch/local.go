package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"
)

// LocalPath returns the path of the host that addr is: what has no scheme, or
// file:// (RFC 8089).
func LocalPath(addr string) (string, bool) {
	rest, isFile := strings.CutPrefix(addr, "file://")
	if !isFile {
		return addr, !strings.Contains(addr, "://")
	}
	if u, err := url.Parse(addr); err == nil && (u.Host == "" || u.Host == "localhost") && u.Path != "" {
		return u.Path, true
	}
	return rest, true
}

// open opens a file of a folder mirror, no longer than limit bytes.
func (c *Client) open(p string, limit int64) (*os.File, error) {
	f, err := os.Open(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, c.Advise(fmt.Errorf("%s: %w", p, ErrNotThere))
	}
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	switch {
	case err != nil:
	case !fi.Mode().IsRegular():
		err = fmt.Errorf("%s is not a file", p)
	case fi.Size() > limit:
		err = fmt.Errorf("%s: it has %s, %w (%s)", p, size(fi.Size()), errTooLong, size(limit))
	default:
		return f, nil
	}
	return nil, both(err, f.Close())
}

func (c *Client) readLocal(p string, limit int64) (_ []byte, err error) {
	f, err := c.open(p, limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = both(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, limit))
}

func (c *Client) checkLocal(ctx context.Context, p string, want checksum) (err error) {
	f, err := c.open(p, c.maxSize())
	if err != nil {
		return err
	}
	defer func() { err = both(err, f.Close()) }()
	return c.compare(&bounded{ctx: ctx, r: f, left: c.maxSize()}, want, p)
}

// copyLocal makes the part a copy of the file at from.
func (c *Client) copyLocal(ctx context.Context, from string, p *part) (err error) {
	if err := p.reset(); err != nil {
		return err
	}
	f, err := c.open(from, c.maxSize())
	if err != nil {
		return err
	}
	defer func() { err = both(err, f.Close()) }()
	_, err = io.Copy(p.file, &bounded{ctx: ctx, r: f, left: c.maxSize()})
	return err
}
