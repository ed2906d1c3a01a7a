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
	acct, err := accountOf(s.User)
	if err != nil {
		return 0, nil, fmt.Errorf("start %s: %w", s.Args[0], err)
	}
	dir := path.Join("/", s.Dir)
	if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
		return 0, nil, fmt.Errorf("start %s: there is no folder %s", s.Args[0], dir)
	}
	env := environment(s.Env, acct)
	program, err := lookPath(s.Args[0], valueOf(env, "PATH"), dir)
	if err != nil {
		return 0, nil, fmt.Errorf("start %s: %w", s.Args[0], err)
	}
	attr := &syscall.ProcAttr{
		Dir:   dir,
		Env:   env,
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0},
	}
	if acct.uid != 0 || acct.gid != 0 || len(acct.groups) > 0 {
		attr.Sys.Credential = &syscall.Credential{Uid: acct.uid, Gid: acct.gid, Groups: acct.groups}
		// /dev/stderr and the like are opened anew by their users.
		a.warn(ignore(os.Chown(consoleDevice, int(acct.uid), -1), fs.ErrNotExist, syscall.EROFS))
	}
	pid, ended, err := a.reaper.start(program, s.Args, attr)
	if errors.Is(err, syscall.ENOTTY) || errors.Is(err, syscall.EPERM) {
		// The console is no terminal: the service does without one.
		attr.Sys.Setctty = false
		pid, ended, err = a.reaper.start(program, s.Args, attr)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("start %s: %w", program, err)
	}
	return pid, ended, nil
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
