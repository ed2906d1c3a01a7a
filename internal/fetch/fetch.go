// Package fetch gets files from servers by HTTP and from folders that are
// mirrors of them: resumed where a download broke off, from servers that are
// not to be trusted, and not used before their digest was checked.
package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"
)

// Errors that callers tell apart.
var (
	// ErrNotThere is wrapped where the server has no such file.
	ErrNotThere = errors.New("not found")
	// ErrUnreachable is wrapped where the server can't be reached at all.
	ErrUnreachable = errors.New("can't be reached")
	// ErrDamaged is wrapped where a file's bytes do not have its digest.
	ErrDamaged = errors.New("damaged")
	// ErrBroken is wrapped where a connection ended before the file did.
	ErrBroken = errors.New("the connection broke")
)

const (
	dialTimeout   = 15 * time.Second
	headerTimeout = 30 * time.Second
	idleTimeout   = 30 * time.Second // of a connection that may be used again
	usualStall    = time.Minute
	usualMaxSize  = 16 << 30 // bytes
	usualSmall    = 4 << 20  // bytes
)

// A Client gets files. The addresses that it takes are those of HTTP, file://
// and paths of the host, so that a mirror may be a folder. It can be used by
// several goroutines, and its Dir by several processes; it is not to be copied.
type Client struct {
	HTTP *http.Client // nil: one that gives up on a silent server
	// Dir is where Keep leaves files and where unfinished downloads wait. It is
	// made where it is missing, and is the program's own.
	Dir string
	// Progress, where set, is called with the base name of a file, the bytes
	// that are there, and the bytes of the whole file, which is -1 while
	// unknown. Downloads side by side call it side by side.
	Progress func(name string, done, total int64)
	// Remedy ends errors with what the user can do: "use another --mirror".
	Remedy  string
	MaxSize int64 // most bytes of a file; 0: 16 GiB
	// Stall is how long a server may take for its answer, and for each 16 KiB
	// of a file; 0: a minute.
	Stall time.Duration

	once  sync.Once
	usual *http.Client
}

func (c *Client) http() *http.Client {
	if c.HTTP != nil {
		return c.HTTP
	}
	c.once.Do(func() {
		c.usual = &http.Client{Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSHandshakeTimeout:   dialTimeout,
			ResponseHeaderTimeout: headerTimeout,
			IdleConnTimeout:       idleTimeout,
			ForceAttemptHTTP2:     true,
		}}
	})
	return c.usual
}

func (c *Client) stall() time.Duration { return cmp.Or(c.Stall, usualStall) }
func (c *Client) maxSize() int64       { return cmp.Or(c.MaxSize, usualMaxSize) }

// Advise ends err with the remedy, for callers that find fault with what a
// server sent.
func (c *Client) Advise(err error) error {
	return fmt.Errorf("%w; %s", err, cmp.Or(c.Remedy, "try again later, or another mirror"))
}

// Small gets a file that fits in memory: no more than limit bytes, or 4 MiB
// where limit is 0. Nothing checks its bytes but the caller.
func (c *Client) Small(ctx context.Context, addr string, limit int64) ([]byte, error) {
	limit = cmp.Or(limit, usualSmall)
	if p, ok := LocalPath(addr); ok {
		return c.readLocal(p, limit)
	}
	var b []byte
	err := c.repeat(ctx, func() (got int64, err error) {
		err = c.get(ctx, addr, nil, func(resp *http.Response, body io.Reader) (err error) {
			b, err = io.ReadAll(io.LimitReader(body, limit+1))
			if err != nil && ctx.Err() == nil {
				return c.broken(addr, int64(len(b)), resp.ContentLength, err)
			}
			return err
		})
		return 0, err
	})
	if err == nil && int64(len(b)) > limit {
		err = c.Advise(fmt.Errorf("%s: it has %w (%s)", addr, errTooLong, size(limit)))
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Keep gets the file with that digest, "sha256:" or "sha512:" and hex, and
// returns where in Dir it is. It is downloaded unless it is there already, and
// checked before it gets its name. A download that was broken off goes on where
// it was the next time, even from another mirror.
func (c *Client) Keep(ctx context.Context, addr, digest string) (string, error) {
	d, err := parseDigest(digest)
	if err != nil {
		return "", fmt.Errorf("get %s: %w", addr, err)
	}
	final := filepath.Join(c.Dir, d.fileName())
	if isFile(final) {
		return final, nil
	}
	err = c.withPart(ctx, addr, d, func(p *part) error {
		if isFile(final) { // another got it while this one waited
			return p.removeEmpty()
		}
		if err := c.complete(ctx, p); err != nil {
			return err
		}
		if err := p.file.Sync(); err != nil {
			return err
		}
		return p.rename(final)
	})
	if err != nil {
		return "", err
	}
	return final, nil
}

// File gets a file, checks it against digest unless that is empty, and calls
// use with its path. Afterwards it is gone, unless the address is a path of
// the host: then it is that file itself.
func (c *Client) File(ctx context.Context, addr, digest string, use func(path string) error) error {
	var d checksum
	if digest != "" {
		var err error
		if d, err = parseDigest(digest); err != nil {
			return fmt.Errorf("get %s: %w", addr, err)
		}
	}
	if p, ok := LocalPath(addr); ok {
		if err := c.checkLocal(ctx, p, d); err != nil {
			return err
		}
		return use(p)
	}
	return c.withPart(ctx, addr, d, func(p *part) error {
		if err := c.complete(ctx, p); err != nil {
			return err
		}
		return both(use(p.path), p.remove())
	})
}

// complete downloads what is missing of p and checks it. Only a broken
// connection or the end of ctx leave the part for the next time.
func (c *Client) complete(ctx context.Context, p *part) error {
	resumed, err := c.fillAndCheck(ctx, p)
	if errors.Is(err, ErrDamaged) && resumed {
		// The first half may have been of another file: once more, whole.
		if err := p.reset(); err != nil {
			return err
		}
		_, err = c.fillAndCheck(ctx, p)
	}
	if errors.Is(err, ErrDamaged) || errors.Is(err, errTooLong) {
		return both(err, p.remove())
	}
	if err != nil {
		return both(err, p.removeEmpty())
	}
	return nil
}

func (c *Client) fillAndCheck(ctx context.Context, p *part) (resumed bool, err error) {
	if resumed, err = c.fill(ctx, p); err != nil {
		return resumed, err
	}
	return resumed, c.check(ctx, p)
}

// check compares the part with its digest.
func (c *Client) check(ctx context.Context, p *part) error {
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return c.compare(&bounded{ctx: ctx, r: p.file, left: c.maxSize()}, p.want, p.addr)
}

// compare reads r to its end.
func (c *Client) compare(r io.Reader, want checksum, what string) error {
	if want == (checksum{}) {
		return nil
	}
	got, err := want.of(r)
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	if got != want {
		return c.Advise(fmt.Errorf("%s is %w: its %s is %.16s…, published is %.16s… (nothing was kept)", what, ErrDamaged, want.name, got.hex, want.hex))
	}
	return nil
}

// base returns the last name of an address, for people.
func base(addr string) string { return path.Base(addr) }

func isFile(p string) bool {
	fi, err := os.Stat(p)
	return err == nil && fi.Mode().IsRegular()
}

// both joins two errors in one line.
func both(err, second error) error {
	switch {
	case err == nil:
		return second
	case second == nil:
		return err
	}
	return fmt.Errorf("%w; and: %w", err, second)
}

// size returns a number of bytes for people.
func size(n int64) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}
