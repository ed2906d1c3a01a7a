package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// caddy is "caddy file-server --listen ADDR --root DIR", "caddy run --config
// FILE" with a Caddyfile of one site, and "caddy version".
func caddy(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: caddy file-server|run|version")
	}
	flags, err := longFlags(args[1:])
	if err != nil {
		return err
	}
	s := &site{server: "Caddy", index: []string{"index.html"}, types: map[string]string{
		"html": "text/html; charset=utf-8", "txt": "text/plain; charset=utf-8", "css": "text/css",
	}, log: os.Stderr}
	listen := ":80"
	switch args[0] {
	case "version":
		fmt.Println("v2.8.4")
		return nil
	case "file-server":
		s.root = "."
		if v := flags["root"]; v != "" {
			s.root = v
		}
		if v := flags["listen"]; v != "" {
			listen = v
		}
	case "run":
		file := flags["config"]
		if file == "" {
			file = "Caddyfile"
		}
		if listen, err = caddyfile(file, s); err != nil {
			return err
		}
	default:
		return fmt.Errorf("unknown command %q", args[0])
	}
	l, err := net.Listen("tcp4", listen)
	if err != nil {
		return err
	}
	return s.serve(l)
}

// longFlags reads "--name value" and "--name=value".
func longFlags(args []string) (map[string]string, error) {
	flags := map[string]string{}
	for len(args) > 0 {
		name, ok := strings.CutPrefix(args[0], "--")
		args = args[1:]
		if !ok {
			return nil, fmt.Errorf("unexpected argument %q", name)
		}
		name, value, has := strings.Cut(name, "=")
		if !has {
			if len(args) == 0 {
				return nil, fmt.Errorf("--%s needs a value", name)
			}
			value, args = args[0], args[1:]
		}
		flags[name] = value
	}
	return flags, nil
}

// caddyfile reads one site: its address, and root, file_server and respond.
func caddyfile(name string, s *site) (string, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	listen := ""
	for number, text := range strings.Split(string(b), "\n") {
		text, _, _ = strings.Cut(text, "#")
		w := strings.Fields(text)
		switch {
		case len(w) == 0 || w[0] == "{" || w[0] == "}" || w[0] == "file_server":
		case listen == "":
			listen = strings.TrimPrefix(w[0], "http://")
		case w[0] == "root":
			s.root = w[len(w)-1]
		case w[0] == "respond":
			_, body, _ := strings.Cut(text, "respond")
			s.body = strings.Trim(strings.TrimSpace(body), `"`)
		default:
			return "", fmt.Errorf("%s:%d: unrecognized directive: %s", name, number+1, w[0])
		}
	}
	if !strings.Contains(listen, ":") {
		listen += ":80"
	}
	return listen, nil
}
