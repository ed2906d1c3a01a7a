//go:build linux || netbsd

package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

// defaultPath covers Debian's and pkgsrc's places.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/pkg/sbin:/usr/pkg/bin"

var errNotFound = errors.New("no such program in the guest")

// start runs the service in a session of its own whose terminal is the
// console.
func (a *agent) start(s wire.Service) (int, <-chan syscall.WaitStatus, error) {
	if len(s.Args) == 0 {
		return 0, nil, errors.New("the configuration names no service to start")
	}
	p, err := resolveProgram(s)
	if err != nil {
		return 0, nil, fmt.Errorf("start %s: %w", s.Args[0], err)
	}
	p.attr.Files = []uintptr{0, 1, 2}
	p.attr.Sys.Setctty = true
	if p.attr.Sys.Credential != nil {
		// /dev/stderr and the like are opened anew by their users.
		a.warn(ignore(os.Chown(consoleDevice, int(p.acct.uid), -1), fs.ErrNotExist, syscall.EROFS))
	}
	pid, ended, err := a.reaper.start(p.path, s.Args, &p.attr)
	if errors.Is(err, syscall.ENOTTY) || errors.Is(err, syscall.EPERM) {
		// The console is no terminal: the service does without one.
		p.attr.Sys.Setctty = false
		pid, ended, err = a.reaper.start(p.path, s.Args, &p.attr)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("start %s: %w", p.path, err)
	}
	return pid, ended, nil
}

// A program is what is known of a process before it is started.
type program struct {
	path string
	acct account
	attr syscall.ProcAttr // in a session of its own; without files
}

// resolveProgram finds what s names, and whom it runs as, in the guest.
func resolveProgram(s wire.Service) (program, error) {
	acct, err := accountOf(s.User)
	if err != nil {
		return program{}, err
	}
	dir := path.Join("/", s.Dir)
	if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
		return program{}, fmt.Errorf("there is no folder %s", dir)
	}
	p := program{acct: acct, attr: syscall.ProcAttr{
		Dir: dir,
		Env: environment(s.Env, acct),
		Sys: &syscall.SysProcAttr{Setsid: true},
	}}
	if acct.uid != 0 || acct.gid != 0 || len(acct.groups) > 0 {
		p.attr.Sys.Credential = &syscall.Credential{Uid: acct.uid, Gid: acct.gid, Groups: acct.groups}
	}
	p.path, err = lookPath(s.Args[0], valueOf(p.attr.Env, "PATH"), dir)
	return p, err
}

// startCode is the exit code for a service that could not be started, as a
// shell has it.
func startCode(err error) int {
	if errors.Is(err, errNotFound) || errors.Is(err, fs.ErrNotExist) {
		return 127
	}
	return 126
}

// environment is the defaults with the configured variables over them, each
// name once, the last value given.
func environment(config []string, acct account) []string {
	env := []string{"PATH=" + defaultPath, "HOME=" + acct.home}
	if acct.name != "" {
		env = append(env, "USER="+acct.name)
	}
	place := map[string]int{}
	for i, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		place[name] = i
	}
	for _, kv := range config {
		name, _, _ := strings.Cut(kv, "=")
		if i, ok := place[name]; ok {
			env[i] = kv
			continue
		}
		place[name] = len(env)
		env = append(env, kv)
	}
	return env
}

// valueOf returns the value of a variable, or "".
func valueOf(env []string, name string) string {
	for _, kv := range env {
		if n, v, _ := strings.Cut(kv, "="); n == name {
			return v
		}
	}
	return ""
}

// lookPath finds a program as execvp(3) does. Relative folders and names
// start from dir.
func lookPath(name, searched, dir string) (string, error) {
	if strings.Contains(name, "/") {
		p := name
		if !path.IsAbs(p) {
			p = path.Join(dir, p)
		}
		return p, executable(p)
	}
	found := errNotFound
	for _, folder := range strings.Split(searched, ":") {
		if !path.IsAbs(folder) {
			folder = path.Join(dir, folder)
		}
		p := path.Join(folder, name)
		err := executable(p)
		if err == nil {
			return p, nil
		}
		if !errors.Is(err, errNotFound) {
			found = err
		}
	}
	return "", found
}

func executable(p string) error {
	fi, err := os.Stat(p)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		return errNotFound
	case err != nil:
		return err
	case fi.IsDir() || fi.Mode()&0o111 == 0:
		return fmt.Errorf("%s is not an executable file", p)
	}
	return nil
}
