package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test's program be any of the services, by its name.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "nginx", "caddy", "redis-server":
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// start starts a service, which is ended by SIGTERM with the test.
func start(t *testing.T, name string, args ...string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, args...)
	c.Args[0] = name
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	// nginx finds itself by the path of its program.
	link := filepath.Join(t.TempDir(), name)
	if err := os.Link(self, link); err != nil {
		if err := copyProgram(self, link); err != nil {
			t.Fatal(err)
		}
	}
	c.Path = link
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		_ = c.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", name, out.String())
		}
	})
}

func copyProgram(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o755)
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// dial waits until the service answers.
func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	for range 500 {
		if c, err := net.Dial("tcp4", addr); err == nil {
			return c
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("nobody answers at %s", addr)
	return nil
}

func TestNginx(t *testing.T) {
	dir, addr := t.TempDir(), freePort(t)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("index.html", "hello\n")
	write("mime.types", "types { text/html html htm; }\n")
	write("nginx.conf", fmt.Sprintf(`
user nobody nogroup; # of root only
pid %[1]s/nginx.pid;
error_log %[1]s/error.log;
events { worker_connections 10; }
http {
    include mime.types;
    access_log %[1]s/access.log;
    server { listen %[2]s; server_name "a b"; location / { root %[1]s; index index.html; } }
}
`, dir, addr))
	if os.Geteuid() == 0 {
		for d := dir; d != filepath.Clean(os.TempDir()); d = filepath.Dir(d) { // the worker is not root
			if err := os.Chmod(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	start(t, "nginx", "-c", dir+"/nginx.conf", "-g", "daemon off;")
	dial(t, addr).Close()
	for path, want := range map[string]struct {
		status int
		body   string
	}{"/": {200, "hello\n"}, "/nothing": {404, ""}, "/../../etc/passwd": {404, ""}} {
		resp, err := http.Get("http://" + addr + path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != want.status || want.body != "" && string(b) != want.body {
			t.Errorf("%s: %d %q, %v", path, resp.StatusCode, b, err)
		}
		if got := resp.Header.Get("Server"); got != nginxVersion {
			t.Errorf("Server: %s", got)
		}
	}
	c := dial(t, addr)
	defer c.Close()
	fmt.Fprint(c, "HEAD / HTTP/1.0\r\n\r\n")
	b, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(string(b), "\r\n\r\n") {
		t.Errorf("HEAD: %q, %v", b, err)
	}
	log, err := os.ReadFile(dir + "/access.log")
	if err != nil || !strings.Contains(string(log), `"HEAD / HTTP/1.0" 200 0 "-" "-"`) {
		t.Errorf("access.log: %q, %v", log, err)
	}
}

func TestNginxConfiguration(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no server", "events {}\n", "no server"},
		{"unknown", "frobnicate on;\n", `unknown directive "frobnicate"`},
		{"open block", "events {\n", "unexpected end of file"},
		{"brace too many", "}\n", `unexpected "}"`},
		{"open quote", "user 'a;\n", "a quote without its end"},
		{"include without end", "include nginx.conf;\n", "too many includes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "nginx.conf")
			if err := os.WriteFile(name, []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			err := nginx([]string{"-t", "-c", name})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestCaddy(t *testing.T) {
	dir, addr := t.TempDir(), freePort(t)
	if err := os.WriteFile(dir+"/Caddyfile", []byte("http://"+addr+" {\n\trespond \"hello\"\n}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, "caddy", "run", "--config", dir+"/Caddyfile")
	dial(t, addr).Close()
	resp, err := http.Get("http://" + addr + "/any")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "hello" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestRedis(t *testing.T) {
	addr := freePort(t)
	_, port, _ := net.SplitHostPort(addr)
	start(t, "redis-server", "--bind", "127.0.0.1", "--port", port)
	c := dial(t, addr)
	defer c.Close()
	fmt.Fprint(c, "PING\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$2\r\nxy\r\nGET a\r\nINCR n\r\nNO\r\n")
	in := bufio.NewReader(c)
	for _, want := range []string{"+PONG", "+OK", "$2", "xy", ":1", "-ERR unknown command 'NO'"} {
		got, err := in.ReadString('\n')
		if err != nil || strings.TrimSpace(got) != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
}
