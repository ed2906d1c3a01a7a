// Command service is what the boot test's guest runs. It tells what it was
// given on TCP port 8080, leaves an orphan that only SIGKILL ends, and ends
// with exit code 7 on SIGTERM.
package main

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	mode := ""
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	switch {
	case os.Getpid() == 1:
		os.Stdout.WriteString("the service is PID 1\n")
	case mode == "exit":
		os.Exit(3)
	case mode == "leave":
		fatal(exec.Command(os.Args[0], "linger").Start())
	case mode == "linger":
		signal.Ignore(syscall.SIGTERM)
		f, err := os.Create("/tmp/linger")
		fatal(err)
		defer f.Close()
		time.Sleep(time.Hour)
	default:
		run()
	}
}

func run() {
	l, err := net.Listen("tcp4", ":8080")
	fatal(err)
	fatal(exec.Command("/bin/service", "leave").Run())
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	go serve(l)
	<-ended
	os.Exit(7)
}

func fatal(err error) {
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

func serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			continue
		}
		_ = json.NewEncoder(c).Encode(facts())
		_ = c.Close()
	}
}

// facts is what the test compares.
func facts() map[string]any {
	dir, _ := os.Getwd()
	name, _ := os.Hostname()
	resolv, _ := os.ReadFile("/etc/resolv.conf")
	hosts, _ := os.ReadFile("/etc/hosts")
	sid, _, _ := syscall.RawSyscall(syscall.SYS_GETSID, 0, 0, 0)
	var files syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files)
	return map[string]any{
		"args": os.Args, "dir": dir, "hostname": name, "uid": os.Getuid(), "gid": os.Getgid(),
		"env": strings.Join(os.Environ(), " "), "resolv": string(resolv), "hosts": string(hosts),
		"leader": int(sid) == os.Getpid(), "parent": os.Getppid(), "files": files.Cur >= 16384,
		"proc": exists("/proc/1/status"),
		"tmp":  os.WriteFile("/tmp/x", nil, 0o600) == nil,
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
