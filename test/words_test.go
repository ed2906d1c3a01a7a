package test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

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

// sleep DURATION waits.
func sleep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sleep DURATION")
	}
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	time.Sleep(d)
}

// post URL makes a request that need not be answered, since it ends the guest.
func post(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: post URL")
	}
	body, err := request(http.MethodPost, args[0], time.Second)
	ts.Logf("%s %v", body, err)
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

// listen VAR sets a variable to a TCP port of 127.0.0.1 that is taken until
// the script ends.
func listen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: listen VAR")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
}

// exits CODE [nopath | withpath DIR] COMMAND... runs a command, checks its
// exit code, and leaves its output for stdout and stderr. With nopath it finds
// no other programs; with withpath those of DIR come first.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	args = args[1:]
	path := ts.Getenv("PATH")
	bin := filepath.Dir(findCommand(ts, "fakecracker"))
	switch args[0] {
	case "nopath":
		path, args = bin, args[1:]
	case "withpath":
		path, args = ts.MkAbs(args[1])+":"+path, args[2:]
	}
	ts.Setenv("OLDPATH", ts.Getenv("PATH"))
	ts.Setenv("PATH", path)
	program := args[0]
	if strings.HasPrefix(program, "fakecracker") || strings.HasPrefix(program, "guest") {
		program = filepath.Join(bin, program)
	}
	err = ts.Exec(program, args[1:]...)
	ts.Setenv("PATH", ts.Getenv("OLDPATH"))
	var exit *exec.ExitError
	code := 0
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d; want %d", code, want)
	}
}

// findCommand finds a program in the script's PATH.
func findCommand(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		p := filepath.Join(dir, name)
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	ts.Fatalf("%s is not in PATH", name)
	return ""
}

// seedHome copies what takes long to make, kernels and package lists, from
// the shared state folder into the script's own.
func seedHome(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: seedhome")
	}
	home := ts.Getenv("FAKECRACKER_HOME")
	for _, name := range []string{"kernels", "cache/accel.json"} {
		from := filepath.Join(homeDir, name)
		if _, err := os.Stat(from); err != nil {
			continue
		}
		ts.Check(os.MkdirAll(filepath.Dir(filepath.Join(home, name)), 0o755))
		ts.Check(exec.Command("cp", "-a", from, filepath.Join(home, name)).Run())
	}
}

// interrupted SIGNAL DELAY... -- COMMAND... starts the command once for each
// delay, sends it the signal after it, and wants it gone within 20 s.
func interrupted(ts *testscript.TestScript, neg bool, args []string) {
	split := slices.Index(args, "--")
	if neg || split < 2 || split == len(args)-1 {
		ts.Fatalf("usage: interrupted SIGNAL DELAY... -- COMMAND...")
	}
	signal := map[string]syscall.Signal{"INT": syscall.SIGINT, "KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM}[args[0]]
	for _, delay := range args[1:split] {
		d, err := time.ParseDuration(delay)
		ts.Check(err)
		interruptOnce(ts, signal, d, args[split+1:])
	}
}

func interruptOnce(ts *testscript.TestScript, signal syscall.Signal, delay time.Duration, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), delay+20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, findCommand(ts, args[0]), args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "FAKECRACKER_HOME", "GUEST_FLAGS"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	ts.Check(cmd.Start())
	time.Sleep(delay)
	target := -cmd.Process.Pid // the group: what a terminal signals
	if signal == syscall.SIGKILL {
		target = cmd.Process.Pid
	}
	if err := syscall.Kill(target, signal); !errors.Is(err, syscall.ESRCH) {
		ts.Check(err)
	}
	err := cmd.Wait()
	ts.Logf("%v after %v: %v\n%s", signal, delay, err, output.String())
	if ctx.Err() != nil {
		ts.Fatalf("still there 20 s after %v at %v", signal, delay)
	}
}
