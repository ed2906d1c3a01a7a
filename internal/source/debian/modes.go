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
	o, err := c.owner(prefix + rest[0])
	if err != nil {
		return 1, expected{err}
	}
	follow := !has(opts, "-h", "--no-dereference")
	return c.eachBelow(rest[1:], has(opts, "-R", "--recursive"), func(e tree.Entry) error {
		return c.to.tree.Put(o.of(e))
	}, follow)
}

func (s *script) chown(p, owner string) error {
	e, err := s.to.tree.Lookup(p)
	if err != nil {
		return err
	}
	o, err := s.owner(owner)
	if err != nil {
		return err
	}
	return s.to.tree.Put(o.of(e))
}

// owner is whom something is to belong to; nil: as it is.
type owner struct{ uid, gid *uint32 }

func (o owner) of(e tree.Entry) tree.Entry {
	if o.uid != nil {
		e.UID = *o.uid
	}
	if o.gid != nil {
		e.GID = *o.gid
	}
	return e
}

// owner looks up "user", "user:group", ":group" or "user:", which is user and
// the user's own group; a "." separates too.
func (s *script) owner(spec string) (o owner, err error) {
	user, group, both := strings.Cut(spec, ":")
	if !both && strings.Contains(spec, ".") {
		user, group, both = strings.Cut(spec, ".")
	}
	db, err := s.accounts()
	if err != nil {
		return o, err
	}
	if user != "" {
		uid, gid, err := db.Lookup(user)
		if err != nil {
			return o, err
		}
		o.uid = &uid
		if both {
			o.gid = &gid
		}
	}
	if group != "" {
		gid, err := db.LookupGroup(group)
		if err != nil {
			return o, err
		}
		o.gid = &gid
	}
	return o, nil
}
