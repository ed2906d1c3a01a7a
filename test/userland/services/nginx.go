package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	nginxVersion = "nginx/1.26.2"
	prefix       = "/usr/pkg/"
	nginxConf    = prefix + "etc/nginx/nginx.conf"
	// workerMark is the environment variable that a worker is told by. Its
	// descriptors are the logs (3 and 4), and then the sockets.
	workerMark = "NGINX_WORKER"
	firstExtra = 3
)

// nginx reads its configuration and opens its logs and sockets as root. The
// work is done by a second process, under the user that the configuration
// names: Go can't fork, so that it is a new start of this program.
func nginx(args []string) error {
	o, err := nginxOptions(args)
	if err != nil {
		return err
	}
	if o.version {
		fmt.Fprintln(os.Stderr, "nginx version: "+nginxVersion)
		return nil
	}
	s, err := o.settings()
	if err != nil {
		return fmt.Errorf("[emerg] %w", err)
	}
	if os.Getenv(workerMark) != "" {
		return s.work()
	}
	if o.test {
		fmt.Fprintf(os.Stderr, "nginx: configuration file %s test is successful\n", o.conf)
		return nil
	}
	return s.master(args)
}

type nginxFlags struct {
	conf, extra   string
	test, version bool
}

func nginxOptions(args []string) (nginxFlags, error) {
	o := nginxFlags{conf: nginxConf}
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		switch {
		case word == "-t":
			o.test = true
		case word == "-v" || word == "-V":
			o.version = true
		case (word == "-c" || word == "-g" || word == "-p" || word == "-e") && len(args) > 0:
			switch word {
			case "-c":
				o.conf = args[0]
			case "-g":
				o.extra = args[0]
			}
			args = args[1:]
		default:
			return o, fmt.Errorf("invalid option: %q", word)
		}
	}
	return o, nil
}

func (o nginxFlags) settings() (settings, error) {
	p := &parser{dir: filepath.Dir(o.conf)}
	list, err := p.file(o.conf)
	if err != nil {
		return settings{}, err
	}
	tokens, err := tokenize("command line", o.extra)
	if err != nil {
		return settings{}, err
	}
	more, _, err := p.list(tokens, false)
	if err != nil {
		return settings{}, err
	}
	s := defaults()
	if err := s.read(append(list, more...)); err != nil {
		return s, err
	}
	if len(s.servers) == 0 {
		return s, errors.New("no server in the configuration")
	}
	return s, nil
}

// master opens everything, starts the worker and, unless it stays in the
// foreground, leaves it alone.
func (s settings) master(args []string) error {
	files, err := s.open()
	if err != nil {
		return fmt.Errorf("[emerg] %w", err)
	}
	credential, err := s.credential()
	if err != nil {
		return fmt.Errorf("[emerg] %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		self = prefix + "sbin/nginx"
	}
	c := exec.Command(self, args...)
	c.Args[0] = "nginx"
	c.Env = append(os.Environ(), workerMark+"=1")
	c.ExtraFiles = files
	c.SysProcAttr = &syscall.SysProcAttr{Credential: credential, Setsid: !s.foreground}
	if s.foreground {
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
	}
	if err := c.Start(); err != nil {
		return fmt.Errorf("start the worker: %w", err)
	}
	pid := c.Process.Pid
	if s.foreground {
		pid = os.Getpid()
	}
	if err := os.WriteFile(s.pid, []byte(strconv.Itoa(pid)+"\n"), 0o644); err != nil {
		return errors.Join(fmt.Errorf("[emerg] %w", err), c.Process.Kill())
	}
	if !s.foreground {
		return nil
	}
	return s.watch(c)
}

// watch hands the signals that end nginx to the worker, and waits for it.
func (s settings) watch(c *exec.Cmd) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	go func() { // until the program ends
		for sig := range signals {
			_ = c.Process.Signal(sig)
		}
	}()
	err := c.Wait()
	return errors.Join(err, os.Remove(s.pid))
}

func (s settings) open() ([]*os.File, error) {
	var files []*os.File
	for _, name := range []string{s.errorLog, s.accessLog} {
		if name == "stderr" || name == "off" {
			name = map[string]string{"stderr": "/dev/stderr", "off": os.DevNull}[name]
		}
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	for _, one := range s.servers {
		l, err := net.Listen("tcp4", one.listen)
		if err != nil {
			return nil, err
		}
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// credential is the worker's user: only root can give it one.
func (s settings) credential() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(s.user)
	if err != nil {
		return nil, fmt.Errorf("getpwnam(%q): %w", s.user, err)
	}
	g, err := user.LookupGroup(s.group)
	if err != nil {
		return nil, fmt.Errorf("getgrnam(%q): %w", s.group, err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(g.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: []uint32{uint32(gid)}}, nil
}

// work is the worker: it answers on the sockets that it was given.
func (s settings) work() error {
	errorLog, accessLog := os.NewFile(firstExtra, "error.log"), os.NewFile(firstExtra+1, "access.log")
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	ended := make(chan error, len(s.servers))
	for i, one := range s.servers {
		f := os.NewFile(uintptr(firstExtra+2+i), one.listen)
		l, err := net.FileListener(f)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(one.root, "/") {
			one.root = prefix + one.root
		}
		site := &site{server: nginxVersion, root: one.root, index: one.index, types: one.types, log: accessLog}
		go func() { ended <- site.serve(l) }()
	}
	select {
	case <-signals:
		return nil
	case err := <-ended:
		_, _ = fmt.Fprintln(errorLog, err)
		return err
	}
}
