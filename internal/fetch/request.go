package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// leastStep is how many bytes a server has to send within the stall time.
const leastStep = 16 << 10

// get sends a GET and hands the answer to read, whose body ends with an error
// when the server is silent or all but. Answers without content are errors.
func (c *Client) get(ctx context.Context, addr string, header http.Header, read func(resp *http.Response, body io.Reader) error) (err error) {
	outer := ctx
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	watch := &watch{limit: c.stall()}
	watch.timer = time.AfterFunc(watch.limit, func() { cancel(fmt.Errorf("no answer, or hardly any byte, for %s", watch.limit)) })
	defer watch.timer.Stop()
	req, err := newRequest(ctx, addr, header)
	if err != nil {
		return err
	}
	resp, err := c.http().Do(req)
	switch {
	case outer.Err() != nil:
		return both(outer.Err(), closeBody(resp))
	case ctx.Err() != nil:
		return c.unreachable(addr, both(context.Cause(ctx), closeBody(resp)))
	case err != nil:
		return c.unreachable(addr, err)
	}
	defer func() { err = both(err, resp.Body.Close()) }()
	watch.timer.Reset(watch.limit)
	switch resp.StatusCode {
	case http.StatusOK, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable:
		return read(resp, &watched{ctx, resp.Body, watch})
	}
	if isGone(resp.StatusCode) {
		return c.notThere(addr, resp)
	}
	return c.Advise(fmt.Errorf("%s: the server answers %s", addr, resp.Status))
}

func newRequest(ctx context.Context, addr string, header http.Header) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, addr, nil)
	if err != nil {
		return nil, fmt.Errorf("address %s: %w", addr, plain(err))
	}
	for k, v := range header {
		req.Header[k] = v
	}
	// The published digest is of the file as it is.
	req.Header.Set("Accept-Encoding", "identity")
	return req, nil
}

// unreachable makes one line of what net/http says.
func (c *Client) unreachable(addr string, err error) error {
	err = plain(err)
	var oe *net.OpError
	var de *net.DNSError
	switch {
	case errors.As(err, &de):
		err = errors.New(de.Err)
	case errors.As(err, &oe):
		err = oe.Err
	}
	return c.Advise(fmt.Errorf("%s: the server %w (%w)", addr, ErrUnreachable, err))
}

// closeBody closes an answer, where there is one.
func closeBody(resp *http.Response) error {
	if resp == nil {
		return nil
	}
	return resp.Body.Close()
}

// plain takes the address from an error whose message has it already.
func plain(err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		return ue.Err
	}
	return err
}

// broken says where a download ended.
func (c *Client) broken(addr string, have, total int64, err error) error {
	of := "bytes"
	if total >= 0 {
		of = fmt.Sprintf("of %d bytes", total)
	}
	return c.Advise(fmt.Errorf("%s: %w at %d %s: %w", addr, ErrBroken, have, of, err))
}

// watch gives up on a server when the timer fires.
type watch struct {
	timer *time.Timer
	limit time.Duration
	got   int // bytes since the timer was set
}

// watched is a body that is watched.
type watched struct {
	ctx context.Context
	r   io.Reader
	w   *watch
}

// Read implements io.Reader.
func (r *watched) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if r.w.got += n; r.w.got >= leastStep {
		r.w.got = 0
		r.w.timer.Reset(r.w.limit)
	}
	if err != nil && err != io.EOF && r.ctx.Err() != nil {
		err = context.Cause(r.ctx)
	}
	return n, err
}
