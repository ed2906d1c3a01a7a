package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A directive is one of nginx.conf: words, and what is in its braces.
type directive struct {
	words []string
	block []directive
	at    string // "nginx.conf:3"
}

// parser reads a configuration; include reads others in its place.
type parser struct {
	dir   string // that relative names start from
	depth int
}

// deepest is how far files may include each other.
const deepest = 8

func (p *parser) file(name string) ([]directive, error) {
	if p.depth++; p.depth > deepest {
		return nil, fmt.Errorf("%s: too many includes", name)
	}
	defer func() { p.depth-- }()
	if !filepath.IsAbs(name) {
		name = filepath.Join(p.dir, name)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	tokens, err := tokenize(name, string(b))
	if err != nil {
		return nil, err
	}
	list, rest, err := p.list(tokens, false)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf(`unexpected "}" in %s`, rest[0].at)
	}
	return list, err
}

type token struct {
	text   string
	quoted bool
	at     string
}

// tokenize splits into words, and the marks { } and ;.
func tokenize(name, text string) ([]token, error) {
	var all []token
	for number, line := range strings.Split(text, "\n") {
		at := fmt.Sprintf("%s:%d", name, number+1)
		for {
			line = strings.TrimLeft(line, " \t\r")
			if line == "" || line[0] == '#' {
				break
			}
			switch c := line[0]; {
			case strings.IndexByte("{};", c) >= 0:
				all, line = append(all, token{line[:1], false, at}), line[1:]
			case c == '"' || c == '\'':
				end := strings.IndexByte(line[1:], c)
				if end < 0 {
					return nil, fmt.Errorf("a quote without its end in %s", at)
				}
				all, line = append(all, token{line[1 : end+1], true, at}), line[end+2:]
			default:
				end := strings.IndexAny(line, " \t\r{};")
				if end < 0 {
					end = len(line)
				}
				all, line = append(all, token{line[:end], false, at}), line[end:]
			}
		}
	}
	return all, nil
}

// list reads directives up to the end or, in a block, to its brace.
func (p *parser) list(tokens []token, inside bool) ([]directive, []token, error) {
	var all []directive
	var d directive
	for len(tokens) > 0 {
		t := tokens[0]
		tokens = tokens[1:]
		switch {
		case t.quoted || !strings.Contains("{};", t.text):
			if d.at == "" {
				d.at = t.at
			}
			d.words = append(d.words, t.text)
			continue
		case t.text == "}" && inside && len(d.words) == 0:
			return all, tokens, nil
		case t.text == "}" || len(d.words) == 0:
			return nil, nil, fmt.Errorf("unexpected %q in %s", t.text, t.at)
		case t.text == "{":
			var err error
			if d.block, tokens, err = p.list(tokens, true); err != nil {
				return nil, nil, err
			}
			all = append(all, d)
		case d.words[0] == "include" && len(d.words) == 2:
			more, err := p.file(d.words[1])
			if err != nil {
				return nil, nil, err
			}
			all = append(all, more...)
		default:
			all = append(all, d)
		}
		d = directive{}
	}
	if inside || len(d.words) > 0 {
		return nil, nil, fmt.Errorf("unexpected end of file, expecting \";\" or \"}\"")
	}
	return all, nil, nil
}

// settings are what nginx does by its configuration.
type settings struct {
	user, group string
	foreground  bool
	pid         string
	errorLog    string
	accessLog   string
	servers     []server
}

type server struct {
	listen string // address for net.Listen
	root   string
	index  []string
	types  map[string]string
}

// defaults are those that the package is made with.
func defaults() settings {
	return settings{
		user: "nginx", group: "nginx", pid: "/var/run/nginx.pid",
		errorLog: "/var/log/nginx/error.log", accessLog: "/var/log/nginx/access.log",
	}
}

// read takes over the directives of the outermost level.
func (s *settings) read(list []directive) error {
	for _, d := range list {
		switch w := d.words; {
		case w[0] == "user" && len(w) > 1:
			s.user, s.group = w[1], w[len(w)-1]
		case w[0] == "daemon" && len(w) == 2:
			s.foreground = w[1] == "off"
		case w[0] == "pid" && len(w) == 2:
			s.pid = w[1]
		case w[0] == "error_log" && len(w) > 1:
			s.errorLog = w[1]
		case w[0] == "http":
			if err := s.http(d.block); err != nil {
				return err
			}
		case w[0] == "worker_processes" || w[0] == "events" || w[0] == "load_module":
		default:
			return unknown(d)
		}
	}
	return nil
}

func unknown(d directive) error { return fmt.Errorf("unknown directive %q in %s", d.words[0], d.at) }

func (s *settings) http(list []directive) error {
	types := map[string]string{}
	for _, d := range list {
		switch w := d.words; {
		case w[0] == "types":
			for _, t := range d.block {
				for _, ending := range t.words[1:] {
					types[ending] = t.words[0]
				}
			}
		case w[0] == "access_log" && len(w) > 1:
			s.accessLog = w[1]
		case w[0] == "server":
			one := server{listen: ":80", types: types}
			if err := one.read(d.block); err != nil {
				return err
			}
			s.servers = append(s.servers, one)
		case strings.Contains(" default_type sendfile tcp_nopush keepalive_timeout gzip log_format server_tokens ", " "+w[0]+" "):
		default:
			return unknown(d)
		}
	}
	return nil
}

func (s *server) read(list []directive) error {
	for _, d := range list {
		switch w := d.words; {
		case w[0] == "listen" && len(w) > 1:
			s.listen = w[1]
			if !strings.Contains(s.listen, ":") {
				s.listen = ":" + s.listen
			}
		case w[0] == "root" && len(w) == 2:
			s.root = w[1]
		case w[0] == "index":
			s.index = w[1:]
		case w[0] == "location" && len(w) == 2 && w[1] == "/":
			if err := s.read(d.block); err != nil {
				return err
			}
		case w[0] == "server_name" || w[0] == "error_page" || w[0] == "location" || w[0] == "charset":
		default:
			return unknown(d)
		}
	}
	return nil
}
