package debian

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// copyFlags are what cp(1) and mv(1) know. There is nobody to ask, no other
// file system, and no backup to be made of a fresh file.
const copyFlags = "-a -d -f -i -n -p -r -R -L -P -T -u -v -x -Z --archive --force --no-clobber --no-dereference " +
	"--no-target-directory --preserve --recursive --update --verbose"

func doCp(c *call) (int, error) {
	opts, rest := c.options(copyFlags, "-t", "-S")
	return c.each(opts, rest, func(src, dst string) error {
		if has(opts, "-n", "--no-clobber") {
			if _, err := c.get(dst, false); err == nil {
				return nil
			}
		}
		deep := has(opts, "-r", "-R", "-a", "--recursive", "--archive")
		keep := has(opts, "-p", "-a", "--preserve", "--archive")
		follow := !has(opts, "-a", "-d", "-P", "--archive", "--no-dereference")
		return c.copy(src, dst, deep, keep, follow)
	})
}

func doMv(c *call) (int, error) {
	opts, rest := c.options(copyFlags, "-t", "-S")
	return c.each(opts, rest, func(src, dst string) error {
		if has(opts, "-n", "--no-clobber") {
			if _, err := c.get(dst, false); err == nil {
				return nil
			}
		}
		if err := c.copy(src, dst, true, true, false); err != nil {
			return err
		}
		e, err := c.get(src, false)
		if err == nil {
			c.to.tree.Remove(e.Path)
		}
		return err
	})
}

// each calls do for each source of a command such as cp with the place that
// it goes to. The last of rest is the target, unless -t says it.
func (c *call) each(opts map[string]string, rest []string, do func(src, dst string) error) (int, error) {
	if dir, ok := opts["-t"]; ok {
		rest = append(rest, dir)
	}
	if len(rest) < 2 {
		return 1, errors.New("no target")
	}
	target := rest[len(rest)-1]
	for _, src := range rest[:len(rest)-1] {
		if err := do(c.abs(src), c.into(src, target, has(opts, "-T", "--no-target-directory"))); err != nil {
			return 1, err
		}
	}
	return 0, nil
}

// copy copies what is at src to dst, with deep what is below it too. The
// bytes stay where they are.
func (c *call) copy(src, dst string, deep, keep, follow bool) error {
	e, err := c.get(src, follow)
	if err != nil {
		return err
	}
	if e.Type == tree.Dir && !deep {
		return expected{fmt.Errorf("%s is a folder", src)}
	}
	to, err := c.to.tree.ResolveParent(dst)
	if err != nil {
		return err
	}
	from := e.Path
	if to == from || strings.HasPrefix(to, from+"/") {
		return fmt.Errorf("%s is in itself", dst)
	}
	if e.Type != tree.Dir {
		return c.copyEntry(e, to, keep)
	}
	for _, e := range c.to.tree.Below(from) {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if err := c.copyEntry(e, path.Join(to, strings.TrimPrefix(e.Path, from)), keep); err != nil {
			return err
		}
	}
	return nil
}

// copyEntry puts e, of a hard link the file, at the path to. With keep, its
// owner, mode and time go along.
func (c *call) copyEntry(e tree.Entry, to string, keep bool) (err error) {
	if e.Type == tree.Hardlink {
		if e, err = c.get(e.Link, true); err != nil {
			return err
		}
	}
	if old, ok := c.to.tree.Get(to); ok && e.Type == tree.Dir && old.Type == tree.Symlink {
		return fmt.Errorf("%s is a link, where a folder is to be", to)
	}
	e.Path = to
	if !keep {
		e.UID, e.GID, e.Mode, e.ModTime = 0, 0, e.Mode&^c.umask&0o777, c.to.s.time()
	}
	e.Why = c.why()
	return c.put(e)
}

func doInstall(c *call) (int, error) {
	opts, rest := c.options("-c -d -D -p -v -T -Z --directory --no-target-directory --verbose", "-m", "--mode", "-o", "--owner", "-g", "--group", "-t")
	mode := uint32(0o755)
	if m := opts["-m"] + opts["--mode"]; m != "" {
		var err error
		if mode, err = tree.ChangeMode(mode, m, has(opts, "-d")); err != nil {
			return 1, err
		}
	}
	owner := opts["-o"] + opts["--owner"] + ":" + opts["-g"] + opts["--group"]
	finish := func(p string) error {
		if err := c.chmod(p, mode); err != nil {
			return err
		}
		return c.chown(p, owner)
	}
	if has(opts, "-d", "--directory") {
		for _, d := range rest {
			if err := c.mkdir(c.abs(d), mode, true); err != nil {
				return 1, err
			}
			if err := finish(c.abs(d)); err != nil {
				return 1, err
			}
		}
		return 0, nil
	}
	return c.each(opts, rest, func(src, dst string) error {
		if has(opts, "-D") {
			if err := c.mkdir(path.Dir(dst), 0o755, true); err != nil {
				return err
			}
		}
		if err := c.installFile(src, dst); err != nil {
			return err
		}
		return finish(dst)
	})
}

// installFile is copy, with /dev/null as an empty file.
func (c *call) installFile(src, dst string) error {
	if src == "/dev/null" {
		return c.write(dst, nil, 0o600)
	}
	return c.copy(src, dst, false, false, true)
}
