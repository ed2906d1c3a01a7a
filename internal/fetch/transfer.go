package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
)

const (
	// tries is how often a download is tried whose connection breaks. One that
	// got progress bytes further starts to count anew.
	tries    = 3
	progress = 1 << 20
)

// repeat calls try until it works, or fails for another reason than a broken
// connection. try tells how many bytes it got.
func (c *Client) repeat(ctx context.Context, try func() (got int64, err error)) error {
	for n := 1; ; n++ {
		got, err := try()
		if err == nil || ctx.Err() != nil || !errors.Is(err, ErrBroken) {
			return err
		}
		if got >= progress {
			n = 0
		}
		if n == tries {
			return err
		}
	}
}

// fill downloads what is missing of p, and tells whether any of it was there
// before.
func (c *Client) fill(ctx context.Context, p *part) (resumed bool, err error) {
	if local, ok := LocalPath(p.addr); ok {
		return false, c.copyLocal(ctx, local, p)
	}
	err = c.repeat(ctx, func() (int64, error) {
		have, err := p.file.Seek(0, io.SeekEnd)
		if err != nil {
			return 0, err
		}
		header := p.rangeFrom(have)
		resumed = resumed || header != nil
		err = c.get(ctx, p.addr, header, func(resp *http.Response, body io.Reader) error {
			return c.take(ctx, p, have, resp, body)
		})
		end, serr := p.file.Seek(0, io.SeekEnd)
		return end - have, both(err, serr)
	})
	return resumed, err
}

// take adds an answer to p, which had have bytes when the request was sent.
func (c *Client) take(ctx context.Context, p *part, have int64, resp *http.Response, body io.Reader) error {
	start, whole := contentRange(resp)
	switch {
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && whole == have:
		return nil // all of it is there
	case resp.StatusCode == http.StatusOK:
		have = 0
		if err := p.begin(resp); err != nil {
			return err
		}
	case start != have || resp.StatusCode != http.StatusPartialContent:
		// Whatever the server means: the next try is for all of it.
		return both(c.broken(p.addr, have, whole, errors.New("the server answers with another range")), p.reset())
	}
	total := int64(-1)
	if resp.ContentLength >= 0 {
		total = have + resp.ContentLength
	}
	if total > c.maxSize() {
		return c.Advise(fmt.Errorf("%s: it has %s, %w (%s)", p.addr, size(total), errTooLong, size(c.maxSize())))
	}
	in := &bounded{ctx: ctx, r: body, left: c.maxSize() - have, tick: func(n int) {
		have += int64(n)
		if c.Progress != nil {
			c.Progress(base(p.addr), have, total)
		}
	}}
	_, err := io.Copy(p.file, in)
	var local *fs.PathError
	switch {
	case err == nil || errors.As(err, &local) || ctx.Err() != nil:
		return err
	case errors.Is(err, errTooLong):
		return c.Advise(fmt.Errorf("%s: it has %w (%s)", p.addr, err, size(c.maxSize())))
	}
	return c.broken(p.addr, have, total, fmt.Errorf("%w (the next try goes on there)", err))
}

// contentRange returns the first byte and the whole length that Content-Range
// (RFC 9110, 14.4) says, -1 where it does not.
func contentRange(resp *http.Response) (start, whole int64) {
	number := func(s string) int64 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 0 {
			return -1
		}
		return n
	}
	s, _ := strings.CutPrefix(resp.Header.Get("Content-Range"), "bytes ")
	span, length, _ := strings.Cut(s, "/")
	first, _, _ := strings.Cut(span, "-")
	return number(first), number(length)
}

// errTooLong is wrapped where a file is longer than what is wanted can be.
var errTooLong = errors.New("more than such a file may have")

// bounded ends with ctx, fails after left bytes, and tells tick, where set,
// how many each Read gave.
type bounded struct {
	ctx  context.Context
	r    io.Reader
	left int64
	tick func(n int)
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, errTooLong
	}
	if b.tick != nil && n > 0 {
		b.tick(n)
	}
	return n, err
}
