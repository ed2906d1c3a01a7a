package fetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
)

// Stamp returns what a server or folder says of a file's state, in a text that
// changes with it: its ETag, time and size. It is empty where that isn't said,
// and where the server gives no answer: getting the file says that better. The
// error is ErrNotThere, or that of ctx.
func (c *Client) Stamp(ctx context.Context, addr string) (string, error) {
	if p, ok := LocalPath(addr); ok {
		return c.stampLocal(p)
	}
	short, cancel := context.WithTimeout(ctx, c.stall())
	defer cancel()
	req, err := newRequest(short, addr, nil)
	if err != nil {
		return "", err
	}
	req.Method = http.MethodHead
	resp, err := c.http().Do(req)
	if err = both(err, closeBody(resp)); err != nil {
		return "", ctx.Err()
	}
	etag, modified := resp.Header.Get("ETag"), resp.Header.Get("Last-Modified")
	switch {
	case isGone(resp.StatusCode):
		return "", c.notThere(addr, resp)
	case resp.StatusCode != http.StatusOK || etag+modified == "":
		return "", nil
	}
	return fmt.Sprintf("%s %s %d", etag, modified, resp.ContentLength), nil
}

func (c *Client) stampLocal(p string) (string, error) {
	fi, err := os.Stat(p)
	if errors.Is(err, fs.ErrNotExist) {
		return "", c.Advise(fmt.Errorf("%s: %w", p, ErrNotThere))
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d %d", fi.Size(), fi.ModTime().UnixNano()), nil
}

// isGone reports whether a status says that the server has no such file.
func isGone(status int) bool {
	return status == http.StatusNotFound || status == http.StatusGone
}

func (c *Client) notThere(addr string, resp *http.Response) error {
	return c.Advise(fmt.Errorf("%s: %w (%s)", addr, ErrNotThere, resp.Status))
}
