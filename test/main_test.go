// Package test holds the end-to-end tests: scripts that use the command as a
// person would, against real QEMU, real guests, real sockets and real disks.
package test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fakecracker/fakecracker/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(run{m}, map[string]func(){
		"fakecracker": func() { os.Exit(fakecracker(os.Args[1:])) },
		// guestrun is fakecracker run with the flags of the guest under test.
		"guestrun": func() {
			args := append([]string{"run"}, strings.Fields(os.Getenv("GUEST_FLAGS"))...)
			os.Exit(fakecracker(append(args, os.Args[1:]...)))
		},
	})
}

func fakecracker(args []string) int {
	return cli.Main(context.Background(), args, os.Stdin, os.Stdout, os.Stderr)
}

// run is a testing.M that cleans up and counts at its end.
type run struct{ m *testing.M }

func (r run) Run() int {
	code := r.m.Run()
	if homeDir != "" {
		if err := os.RemoveAll(homeDir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	if path := os.Getenv("FAKECRACKER_TEST_SUMMARY"); path != "" {
		if err := count.write(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	return code
}

// TestHost runs the scripts that need no guest.
func TestHost(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/host",
		Cmds:                commands,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("FAKECRACKER_HOME", filepath.Join(env.WorkDir, "home"))
			root, err := filepath.Abs("..")
			env.Setenv("ROOT", root)
			return err
		},
	})
}

// commands are the scripts' own words.
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"freeport": freePort,
	"http":     httpRequest,
	"alive":    alive,
}

// freePort VAR sets a variable to a TCP port of 127.0.0.1 that is free.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport VAR")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	ts.Check(l.Close())
}

// httpRequest METHOD URL REGEXP makes a request, again until it is answered,
// and checks the body. With ! it must not be answered.
func httpRequest(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: http METHOD URL REGEXP")
	}
	limit := 2 * time.Minute
	if neg {
		limit = time.Second
	}
	body, err := request(args[0], args[1], limit)
	if neg {
		if err == nil {
			ts.Fatalf("%s answered: %s", args[1], body)
		}
		return
	}
	ts.Check(err)
	ts.Logf("%s", body)
	if !regexp.MustCompile(args[2]).MatchString(body) {
		ts.Fatalf("%s %s: the answer does not match %q", args[0], args[1], args[2])
	}
}

func request(method, url string, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		req, err := http.NewRequestWithContext(ctx, method, url, nil)
		if err != nil {
			return "", err
		}
		res, err := client.Do(req)
		if err == nil {
			body, err := io.ReadAll(res.Body)
			return string(body), err
		}
		select {
		case <-ctx.Done():
			return "", err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// alive PATTERN checks that a process whose command line matches is there;
// with ! that none is, waiting a little for it to go.
func alive(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: alive REGEXP")
	}
	pattern := regexp.MustCompile(args[0])
	var found string
	for range 100 {
		found = findProcess(ts, pattern)
		if (found == "") == neg {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	if neg {
		ts.Fatalf("still alive: %s", found)
	}
	ts.Fatalf("no process matches %q", args[0])
}

func findProcess(ts *testscript.TestScript, pattern *regexp.Regexp) string {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	ts.Check(err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // it ended meanwhile
		}
		if line := strings.ReplaceAll(string(b), "\x00", " "); pattern.MatchString(line) {
			return f + ": " + line
		}
	}
	return ""
}
