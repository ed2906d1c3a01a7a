package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/textproto"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A site answers GET and HEAD with the files of a folder (RFC 9112, as much
// as that needs).
type site struct {
	server string            // the header's value
	root   string            // folder
	index  []string          // names looked for in folders
	types  map[string]string // media types by the ending of names
	body   string            // answer to everything, where there is no root
	log    io.Writer         // of accesses, in the combined form
}

// A request is what is needed of one.
type request struct {
	method, target, proto string
	header                textproto.MIMEHeader
}

// An answer is a status and a body.
type answer struct {
	status    int
	mediaType string
	size      int64
	body      io.Reader
}

// headLimit is the most that a request's line and headers may take, and
// patience how long a client may be silent.
const (
	headLimit = 16 << 10
	patience  = 60 * time.Second
)

// serve answers on every connection that l accepts.
func (s *site) serve(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go s.talk(c)
	}
}

func (s *site) talk(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(&io.LimitedReader{R: c, N: headLimit})
	for {
		_ = c.SetDeadline(time.Now().Add(patience))
		r, err := readRequest(in)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				_, _ = fmt.Fprintf(c, "HTTP/1.1 400 Bad Request\r\nServer: %s\r\nConnection: close\r\n\r\n", s.server)
			}
			return
		}
		keep := r.proto == "HTTP/1.1" && !strings.EqualFold(r.header.Get("Connection"), "close")
		if err := s.reply(c, r, keep); err != nil || !keep {
			return
		}
		in.Reset(&io.LimitedReader{R: c, N: headLimit})
	}
}

func readRequest(in *bufio.Reader) (request, error) {
	t := textproto.NewReader(in)
	line, err := t.ReadLine()
	if err != nil {
		return request{}, err
	}
	f := strings.Fields(line)
	if len(f) != 3 || !strings.HasPrefix(f[2], "HTTP/1.") {
		return request{}, fmt.Errorf("not a request: %q", line)
	}
	header, err := t.ReadMIMEHeader()
	return request{f[0], f[1], f[2], header}, err
}

func (s *site) reply(c net.Conn, r request, keep bool) error {
	a := s.answer(r)
	if f, ok := a.body.(io.Closer); ok {
		defer f.Close()
	}
	connection := "close"
	if keep {
		connection = "keep-alive"
	}
	_, err := fmt.Fprintf(c, "HTTP/1.1 %d %s\r\nServer: %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n",
		a.status, statusText(a.status), s.server, time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"),
		a.mediaType, a.size, connection)
	sent := int64(0)
	if err == nil && r.method != "HEAD" {
		sent, err = io.Copy(c, a.body)
	}
	s.record(c, r, a.status, sent)
	return err
}

func (s *site) record(c net.Conn, r request, status int, sent int64) {
	if s.log == nil {
		return
	}
	host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
	agent := r.header.Get("User-Agent")
	if agent == "" {
		agent = "-"
	}
	_, _ = fmt.Fprintf(s.log, "%s - - [%s] \"%s %s %s\" %d %d \"-\" %q\n", host,
		time.Now().Format("02/Jan/2006:15:04:05 -0700"), r.method, r.target, r.proto, status, sent, agent)
}

func (s *site) answer(r request) answer {
	if r.method != "GET" && r.method != "HEAD" {
		return s.trouble(405)
	}
	if s.root == "" {
		return answer{200, "text/plain", int64(len(s.body)), strings.NewReader(s.body)}
	}
	target, _, _ := strings.Cut(r.target, "?")
	name := filepath.Join(s.root, filepath.FromSlash(path.Clean("/"+target)))
	if fi, err := os.Stat(name); err == nil && fi.IsDir() {
		name = s.indexOf(name)
		if name == "" {
			return s.trouble(403)
		}
	}
	f, err := os.Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s.trouble(404)
	case err != nil:
		return s.trouble(403)
	}
	fi, err := f.Stat()
	if err != nil || !fi.Mode().IsRegular() {
		return s.trouble(403)
	}
	kind := s.types[strings.TrimPrefix(filepath.Ext(name), ".")]
	if kind == "" {
		kind = "application/octet-stream"
	}
	return answer{200, kind, fi.Size(), f}
}

func (s *site) indexOf(dir string) string {
	for _, name := range s.index {
		p := filepath.Join(dir, name)
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return ""
}

func (s *site) trouble(status int) answer {
	body := fmt.Sprintf("<html><head><title>%[1]d %[2]s</title></head><body><h1>%[1]d %[2]s</h1><hr>%[3]s</body></html>\n",
		status, statusText(status), s.server)
	return answer{status, "text/html", int64(len(body)), strings.NewReader(body)}
}

func statusText(status int) string {
	text, ok := map[int]string{
		200: "OK", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
	}[status]
	if !ok {
		return "Status " + strconv.Itoa(status)
	}
	return text
}
