package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// specials are the bits above permissions, as chmod(2) and as Go have them.
var specials = []struct {
	bit  uint32
	mode fs.FileMode
}{{0o4000, fs.ModeSetuid}, {0o2000, fs.ModeSetgid}, {0o1000, fs.ModeSticky}}

func modeBits(m fs.FileMode) uint32 {
	bits := uint32(m.Perm())
	for _, s := range specials {
		if m&s.mode != 0 {
			bits |= s.bit
		}
	}
	return bits
}

func modeOf(bits uint32) fs.FileMode {
	m := fs.FileMode(bits & 0o777)
	for _, s := range specials {
		if bits&s.bit != 0 {
			m |= s.mode
		}
	}
	return m
}

// parseMode reads a mode as chmod(1) does: octal, or "u=rwx,go-w,+X".
func parseMode(text string) (func(fs.FileMode) fs.FileMode, error) {
	if bits, err := strconv.ParseUint(text, 8, 12); err == nil {
		return func(fs.FileMode) fs.FileMode { return modeOf(uint32(bits)) }, nil
	}
	clauses := strings.Split(text, ",")
	for _, c := range clauses {
		if i := strings.IndexAny(c, "+-="); i < 0 || strings.Trim(c[:i], "ugoa") != "" || strings.Trim(c[i+1:], "rwxXst") != "" {
			return nil, fmt.Errorf("invalid file mode: %s", text)
		}
	}
	return func(m fs.FileMode) fs.FileMode {
		bits := modeBits(m)
		for _, c := range clauses {
			bits = applyClause(bits, c, m.IsDir())
		}
		return modeOf(bits)
	}, nil
}

// applyClause applies "go-w" to mode bits.
func applyClause(bits uint32, clause string, dir bool) uint32 {
	at := strings.IndexAny(clause, "+-=")
	who, perms := clause[:at], clause[at+1:]
	if who == "" || strings.Contains(who, "a") {
		who = "ugo"
	}
	var set, all uint32
	for _, w := range who {
		shift := map[rune]int{'u': 6, 'g': 3, 'o': 0}[w]
		all |= 7<<shift | map[rune]uint32{'u': 0o4000, 'g': 0o2000}[w]
		for _, p := range perms {
			switch {
			case p == 'X' && !dir && bits&0o111 == 0:
			case p == 's':
				set |= map[rune]uint32{'u': 0o4000, 'g': 0o2000}[w]
			case p == 't':
				set |= 0o1000
			default:
				set |= map[rune]uint32{'r': 4, 'w': 2, 'x': 1, 'X': 1}[p] << shift
			}
		}
	}
	switch clause[at] {
	case '+':
		return bits | set
	case '-':
		return bits &^ set
	}
	return bits&^all | set
}

// under walks what a command with -R means by name, else name alone.
func under(o options, name string, f func(string) error) error {
	if !o.has('R') {
		return f(name)
	}
	return filepath.WalkDir(name, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return f(p)
	})
}

func chmod(args []string) error {
	var o options
	var err error
	if len(args) > 0 && strings.HasPrefix(args[0], "-") && strings.Trim(args[0], "-RHLPfhv") == "" {
		if o, err = getopt(args, "RHLPfhv"); err != nil {
			return err
		}
	} else {
		o.rest = args
	}
	if err := o.want(2, -1); err != nil {
		return err
	}
	change, err := parseMode(o.rest[0])
	if err != nil {
		return err
	}
	return each(o.rest[1:], func(name string) error {
		return under(o, name, func(p string) error {
			fi, err := os.Lstat(p)
			if err != nil || fi.Mode()&fs.ModeSymlink != 0 && p != name {
				return err
			}
			return os.Chmod(p, change(fi.Mode()))
		})
	})
}

func chown(args []string) error {
	return own(args, func(spec string) (int, int, error) {
		name, group, has := strings.Cut(spec, ":")
		if !has {
			name, group, _ = strings.Cut(spec, ".")
		}
		uid, gid := -1, -1
		var err error
		if name != "" {
			if uid, err = userID(name); err != nil {
				return 0, 0, err
			}
		}
		if group != "" {
			gid, err = groupID(group)
		}
		return uid, gid, err
	})
}

func chgrp(args []string) error {
	return own(args, func(spec string) (int, int, error) {
		gid, err := groupID(spec)
		return -1, gid, err
	})
}

func own(args []string, parse func(string) (int, int, error)) error {
	o, err := getopt(args, "RHLPfhv")
	if err != nil {
		return err
	}
	if err := o.want(2, -1); err != nil {
		return err
	}
	uid, gid, err := parse(o.rest[0])
	if err != nil {
		return err
	}
	change := os.Chown
	if o.has('h') || o.has('R') {
		change = os.Lchown
	}
	return each(o.rest[1:], func(name string) error {
		return under(o, name, func(p string) error { return change(p, uid, gid) })
	})
}

func userID(name string) (int, error) {
	if u, err := user.Lookup(name); err == nil {
		return strconv.Atoi(u.Uid)
	}
	if id, err := strconv.Atoi(name); err == nil {
		return id, nil
	}
	return 0, fmt.Errorf("%s: invalid user name", name)
}

func groupID(name string) (int, error) {
	if g, err := user.LookupGroup(name); err == nil {
		return strconv.Atoi(g.Gid)
	}
	if id, err := strconv.Atoi(name); err == nil {
		return id, nil
	}
	return 0, fmt.Errorf("%s: invalid group name", name)
}

func ownerOf(fi fs.FileInfo) (uid, gid int) {
	st := fi.Sys().(*syscall.Stat_t)
	return int(st.Uid), int(st.Gid)
}
