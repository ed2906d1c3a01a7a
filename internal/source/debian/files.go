package debian

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// into returns where a command that takes sources and a target puts source:
// below the target when that is a folder.
func (c *call) into(source, target string, noDir bool) string {
	t := c.abs(target)
	if e, err := c.get(t, true); !noDir && err == nil && e.Type == tree.Dir {
		return path.Join(t, path.Base(source))
	}
	return t
}

func doMkdir(c *call) (int, error) {
	opts, dirs := c.options("-p -v -Z --parents --verbose", "-m", "--mode") // -Z: no SELinux in the guest
	mode := 0o777 &^ c.umask
	for _, o := range []string{"-m", "--mode"} {
		if m, ok := opts[o]; ok {
			var err error
			if mode, err = tree.ChangeMode(mode, m, true); err != nil {
				return 1, err
			}
		}
	}
	for _, d := range dirs {
		if err := c.mkdir(c.abs(d), mode, has(opts, "-p", "--parents")); err != nil {
			return 1, err
		}
	}
	return 0, nil
}

// mkdir makes a folder, with those above it where parents is set.
func (s *script) mkdir(p string, mode uint32, parents bool) error {
	if e, err := s.get(p, true); err == nil {
		if parents && e.Type == tree.Dir {
			return nil
		}
		return expected{fmt.Errorf("%s is there already", p)}
	}
	if up := path.Dir(p); parents && up != p {
		if err := s.mkdir(up, 0o755, true); err != nil {
			return err
		}
	}
	to, err := s.to.tree.Resolve(p)
	if err != nil {
		return err
	}
	return s.put(tree.Entry{Path: to, Type: tree.Dir, Mode: mode, ModTime: s.to.s.time(), Why: s.why()})
}

func doRm(c *call) (int, error) {
	opts, paths := c.options("-f -r -R -d -v --force --recursive --dir --verbose --one-file-system")
	for _, p := range paths {
		e, err := c.get(c.abs(p), false)
		switch {
		case err != nil && has(opts, "-f", "--force"):
		case err != nil:
			return 1, nil
		case e.Type == tree.Dir && !has(opts, "-r", "-R", "--recursive") || e.Path == "/":
			return 1, expected{fmt.Errorf("%s is a folder", p)}
		default:
			c.to.tree.Remove(e.Path)
		}
	}
	return 0, nil
}

func doRmdir(c *call) (int, error) {
	opts, paths := c.options("-v --verbose --ignore-fail-on-non-empty")
	for _, p := range paths {
		e, err := c.get(c.abs(p), false)
		if err != nil || e.Type != tree.Dir {
			return 1, nil
		}
		if below := c.to.tree.Below(e.Path); len(below) > 1 || e.Path == "/" {
			if has(opts, "--ignore-fail-on-non-empty") {
				continue
			}
			return 1, nil
		}
		c.to.tree.Remove(e.Path)
	}
	return 0, nil
}

func doLn(c *call) (int, error) {
	opts, rest := c.options("-f -n -r -s -T -v --force --no-dereference --no-target-directory --relative --symbolic --verbose", "-t")
	if dir, ok := opts["-t"]; ok {
		rest = append(rest, dir)
	}
	if len(rest) == 1 {
		rest = append(rest, c.dir)
	}
	if len(rest) < 2 {
		return 1, errors.New("no target")
	}
	target := rest[len(rest)-1]
	for _, src := range rest[:len(rest)-1] {
		if err := c.link(src, target, opts); err != nil {
			return 1, err
		}
	}
	return 0, nil
}

func (c *call) link(src, target string, opts map[string]string) error {
	noDir := has(opts, "-T", "--no-target-directory")
	if has(opts, "-n", "--no-dereference") {
		if e, err := c.get(c.abs(target), false); err == nil && e.Type == tree.Symlink {
			noDir = true
		}
	}
	at, err := c.to.tree.ResolveParent(c.into(src, target, noDir))
	if err != nil {
		return err
	}
	if _, there := c.to.tree.Get(at); there {
		if !has(opts, "-f", "--force") {
			return expected{fmt.Errorf("%s is there already", at)}
		}
		c.to.tree.Remove(at)
	}
	e := tree.Entry{Path: at, Type: tree.Symlink, Mode: 0o777, Link: src, ModTime: c.to.s.time(), Why: c.why()}
	switch {
	case !has(opts, "-s", "--symbolic"):
		file, err := c.get(c.abs(src), true)
		if err != nil || file.Type != tree.File {
			return fmt.Errorf("%s is no file", src)
		}
		e.Type, e.Link = tree.Hardlink, file.Path
	case has(opts, "-r", "--relative"):
		e.Link = relative(path.Dir(at), c.abs(src))
	}
	return c.put(e)
}

// relative returns the way from the folder dir to p.
func relative(dir, p string) string {
	up := ""
	for dir != "/" && p != dir && !strings.HasPrefix(p, dir+"/") {
		dir, up = path.Dir(dir), up+"../"
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(p, strings.TrimSuffix(dir, "/")), "/")
	return path.Clean(up + rest)
}

func doTouch(c *call) (int, error) {
	opts, paths := c.options("-a -c -h -m --no-create --no-dereference", "-d", "-r", "-t")
	for _, p := range paths {
		if _, err := c.get(c.abs(p), true); err == nil || has(opts, "-c", "--no-create", "-h", "--no-dereference") {
			continue // times of the tree stay as they are
		}
		if err := c.write(c.abs(p), nil, 0o666&^c.umask); err != nil {
			return 1, err
		}
	}
	return 0, nil
}

func doMktemp(c *call) (int, error) {
	opts, rest := c.options("-d -q --directory --quiet", "-p", "--tmpdir", "-t")
	c.temp++
	p := fmt.Sprintf("/tmp/script-%d", c.temp)
	if len(rest) == 1 && strings.Contains(rest[0], "XXX") {
		name := strings.TrimRight(rest[0], "X") + fmt.Sprintf("%06d", c.temp)
		p = path.Join("/tmp", path.Base(name))
		if strings.Contains(name, "/") {
			p = c.abs(name)
		}
	}
	if err := c.mkdir("/tmp", 0o1777, true); err != nil {
		return 1, err
	}
	fmt.Fprintln(&c.out, p)
	if has(opts, "-d", "--directory") {
		return 0, c.mkdir(p, 0o700, false)
	}
	return 0, c.write(p, nil, 0o600)
}

func doReadlink(c *call) (int, error) {
	opts, paths := c.options("-f -e -m -n -q -s --canonicalize --canonicalize-existing --canonicalize-missing --no-newline")
	for _, p := range paths {
		p = c.abs(p)
		if c.args[0] != "readlink" || has(opts, "-f", "-e", "-m", "--canonicalize", "--canonicalize-existing", "--canonicalize-missing") {
			to, err := c.to.tree.Resolve(p)
			if err != nil {
				return 1, err
			}
			fmt.Fprintln(&c.out, to)
			continue
		}
		e, err := c.get(p, false)
		if err != nil || e.Type != tree.Symlink {
			return 1, nil
		}
		fmt.Fprintln(&c.out, e.Link)
	}
	return 0, nil
}

func doUmask(c *call) (int, error) {
	if len(c.args) < 2 {
		fmt.Fprintf(&c.out, "%04o\n", c.umask)
		return 0, nil
	}
	m, err := strconv.ParseUint(c.args[1], 8, 12)
	if err != nil {
		return 1, fmt.Errorf("umask %q", c.args[1])
	}
	c.umask = uint32(m)
	return 0, nil
}

func doWhich(c *call) (int, error) {
	_, names := c.options("-a -v -V")
	status := 0
	for _, n := range names {
		p := c.lookPath(n)
		if p == "" {
			status = 1
			continue
		}
		fmt.Fprintln(&c.out, p)
	}
	return status, nil
}

// programDirs are where programs are, in a merged /usr.
var programDirs = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"}

// lookPath returns where the tree has the program n, or "".
func (s *script) lookPath(n string) string {
	dirs := programDirs
	if strings.Contains(n, "/") {
		dirs = []string{path.Dir(path.Join("/", n))}
	}
	for _, d := range dirs {
		p := path.Join(d, path.Base(n))
		if e, err := s.get(p, true); err == nil && e.Type == tree.File && e.Mode&0o111 != 0 {
			return p
		}
	}
	return ""
}
