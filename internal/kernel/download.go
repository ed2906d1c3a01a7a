package kernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	dialTimeout   = 15 * time.Second
	headerTimeout = 30 * time.Second
	stallTimeout  = 60 * time.Second // without a byte
	tries         = 3                // of a download whose connection broke
	maxSums       = 4 << 20          // bytes of a checksum file
)

// errNotThere is wrapped where the server has no such file.
var errNotThere = errors.New("not found")

// client returns the client to use. The default has no limit for a whole
// answer, but for each silence.
func (o FetchOptions) client() *http.Client {
	if o.Client != nil {
		return o.Client
	}
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: headerTimeout,
		ForceAttemptHTTP2:     true,
	}}
}

// download gets files over HTTP.
type download struct {
	client   *http.Client
	progress func(done, total int64)
}

// small gets a file that fits in memory.
func (d download) small(ctx context.Context, addr string) (_ []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, stallTimeout)
	defer cancel()
	resp, err := d.request(ctx, addr, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = both(err, resp.Body.Close()) }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxSums))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", addr, err)
	}
	return b, nil
}

// request sends a GET, and makes errors of all answers without content.
func (d download) request(ctx context.Context, addr string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, addr, nil)
	if err != nil {
		return nil, fmt.Errorf("address %s: %w", addr, err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	// The published checksum is of the file as it is.
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := d.client.Do(req)
	if err != nil {
		return nil, unreachable(ctx, req.URL.Host, err)
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable:
		return resp, nil
	case http.StatusNotFound, http.StatusGone:
		err = fmt.Errorf("%s: %w (%s); another --mirror may have it", addr, errNotThere, resp.Status)
	default:
		err = fmt.Errorf("%s: the server answers %s", addr, resp.Status)
	}
	return nil, both(err, resp.Body.Close())
}

// unreachable makes one line of what net/http says.
func unreachable(ctx context.Context, host string, err error) error {
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	var oe *net.OpError
	var de *net.DNSError
	switch {
	case errors.As(err, &de):
		err = errors.New(de.Err)
	case errors.As(err, &oe):
		err = oe.Err
	}
	return fmt.Errorf("%s %w (%w); use --mirror, or: fakecracker kernel import FILE", host, ErrUnreachable, err)
}

// get downloads addr into dir, checks it, and calls use with the file, which
// is gone afterwards. Only a broken connection or the end of ctx leave a part
// for the next time.
func (d download) get(ctx context.Context, addr, dir string, want checksum, use func(file string) error) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder for downloads: %w", err)
	}
	sweep(dir)
	p, err := openPart(ctx, addr, dir)
	if err != nil {
		return err
	}
	defer func() { err = both(err, p.file.Close()) }()
	resumed, err := d.fill(ctx, addr, p)
	if err != nil {
		return both(err, p.removeEmpty())
	}
	err = p.check(ctx, addr, want)
	var bad *checksumError
	if errors.As(err, &bad) && resumed {
		// The first half may have been of another file: once more, whole.
		if err := p.reset(); err != nil {
			return err
		}
		if _, err := d.fill(ctx, addr, p); err != nil {
			return err
		}
		err = p.check(ctx, addr, want)
	}
	if err == nil {
		err = use(p.path)
	}
	return both(err, p.remove())
}

// fill completes the part, and tells whether any of it was there before.
func (d download) fill(ctx context.Context, addr string, p *part) (resumed bool, err error) {
	for try := 1; ; try++ {
		again, err := d.try(ctx, addr, p)
		resumed = resumed || again
		if err == nil || ctx.Err() != nil || try == tries || !errors.Is(err, errBroken) {
			return resumed, err
		}
	}
}

// errBroken is wrapped where a connection ended before the file did.
var errBroken = errors.New("the connection broke")

// try makes one request for what is missing.
func (d download) try(ctx context.Context, addr string, p *part) (resumed bool, err error) {
	have, err := p.file.Seek(0, io.SeekEnd)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	header := http.Header{}
	if v := p.meta.validator(); have > 0 && v != "" {
		header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		header.Set("If-Range", v)
	}
	resp, err := d.request(ctx, addr, header)
	if err != nil {
		return false, err
	}
	defer func() { err = both(err, resp.Body.Close()) }()
	if resp.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		// All of it may be there already: the checksum tells.
		return true, nil
	}
	switch {
	case resp.StatusCode == http.StatusOK:
		if have, err = 0, p.begin(resp); err != nil {
			return false, err
		}
	case rangeStart(resp) != have:
		return false, fmt.Errorf("%s: the server answers with another range (%s)", addr, resp.Header.Get("Content-Range"))
	}
	return have > 0, d.copyBody(ctx, cancel, resp, p, have)
}

func rangeStart(resp *http.Response) int64 {
	s, _ := strings.CutPrefix(resp.Header.Get("Content-Range"), "bytes ")
	s, _, _ = strings.Cut(s, "-")
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// copyBody appends the answer to the part. A silent server is given up.
func (d download) copyBody(ctx context.Context, cancel context.CancelCauseFunc, resp *http.Response, p *part, have int64) error {
	total := int64(-1)
	if resp.ContentLength >= 0 {
		total = have + resp.ContentLength
	}
	if total > maxUnpacked {
		return fmt.Errorf("%s: a file of %d MiB is no kernel", resp.Request.URL, total>>20)
	}
	stall := time.AfterFunc(stallTimeout, func() { cancel(fmt.Errorf("no byte for %s", stallTimeout)) })
	defer stall.Stop()
	body := limited(ctx, &meter{r: resp.Body, tick: func(n int) {
		stall.Reset(stallTimeout)
		have += int64(n)
		if d.progress != nil {
			d.progress(have, total)
		}
	}})
	_, err := io.Copy(p.file, body)
	var local *fs.PathError
	if err == nil || errors.As(err, &local) {
		return err
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return fmt.Errorf("%s: %w at %d of %d bytes (the next try goes on there): %w", resp.Request.URL, errBroken, have, total, err)
}

// meter tells tick how many bytes each Read gave.
type meter struct {
	r    io.Reader
	tick func(n int)
}

// Read implements io.Reader.
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if n > 0 {
		m.tick(n)
	}
	return n, err
}
