package debian

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// takesAway is a mode that looks like an option.
var takesAway = regexp.MustCompile(`^-[rwxXst]+(,[ugoa]*[-+=][rwxXst]*)*$`)

// ownerFlags are what chmod(1) and chown(1) know; all but the first say how
// much they tell.
const ownerFlags = "-R -c -f -v --recursive --changes --quiet --silent --verbose"

func doChmod(c *call) (int, error) {
	minus := ""
	c.args = slices.DeleteFunc(c.args, func(a string) bool {
		if minus != "" || !takesAway.MatchString(a) {
			return false
		}
		minus = a
		return true
	})
	opts, rest := c.options(ownerFlags)
	if minus != "" {
		rest = append([]string{minus}, rest...)
	}
	if len(rest) < 2 {
		return 1, errors.New("no file")
	}
	return c.eachBelow(rest[1:], has(opts, "-R", "--recursive"), func(e tree.Entry) error {
		mode, err := tree.ChangeMode(e.Mode, rest[0], e.Type == tree.Dir)
		if err != nil {
			return err
		}
		return c.chmod(e.Path, mode)
	}, true)
}

// eachBelow calls do for the entries at paths, and for those below them with
// deep; where follow is set, for what a link given leads to.
func (c *call) eachBelow(paths []string, deep bool, do func(tree.Entry) error, follow bool) (int, error) {
	for _, p := range paths {
		e, err := c.get(c.abs(p), follow)
		if err != nil {
			return 1, err
		}
		all := []tree.Entry{e}
		if deep {
			all = c.to.tree.Below(e.Path)
		}
		for _, e := range all {
			if err := c.ctx.Err(); err != nil {
				return 1, err
			}
			if deep && follow && e.Type == tree.Symlink {
				continue
			}
			if err := do(e); err != nil {
				return 1, err
			}
		}
	}
	return 0, nil
}

func (s *script) chmod(p string, mode uint32) error {
	e, err := s.to.tree.Lookup(p)
	if err != nil {
		return err
	}
	e.Mode = mode
	return s.to.tree.Put(e)
}

func doChown(c *call) (int, error) { return c.changeOwner("") }
func doChgrp(c *call) (int, error) { return c.changeOwner(":") }

func (c *call) changeOwner(prefix string) (int, error) {
	opts, rest := c.options(ownerFlags+" -h -H -L -P --dereference --no-dereference", "--reference", "--from")
	if len(rest) < 2 || has(opts, "--reference", "--from") {
		return 1, errors.New("no owner and file")
	}
	follow := !has(opts, "-h", "--no-dereference")
	return c.eachBelow(rest[1:], has(opts, "-R", "--recursive"), func(e tree.Entry) error {
		return c.chownEntry(e, prefix+rest[0])
	}, follow)
}

func (s *script) chown(p, owner string) error {
	e, err := s.to.tree.Lookup(p)
	if err != nil {
		return err
	}
	return s.chownEntry(e, owner)
}

// chownEntry sets e's owner to "user", "user:group", ":group" or "user:",
// which is user and the user's own group; a "." separates too.
func (s *script) chownEntry(e tree.Entry, owner string) error {
	user, group, both := strings.Cut(owner, ":")
	if !both && strings.Contains(owner, ".") {
		user, group, both = strings.Cut(owner, ".")
	}
	acc, err := s.accounts()
	if err != nil {
		return err
	}
	if user != "" {
		u, err := acc.user(user)
		if err != nil {
			return err
		}
		e.UID = u.uid
		if both && group == "" {
			e.GID = u.gid
		}
	}
	if group != "" {
		g, err := acc.group(group)
		if err != nil {
			return err
		}
		e.GID = g.gid
	}
	return s.to.tree.Put(e)
}
