package mtree

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Bits of a mode as stat(2) has them.
const (
	bitSetuid = 0o4000
	bitSetgid = 0o2000
	bitSticky = 0o1000
)

// parseMode reads permissions: octal, or symbolic as chmod(1) takes them and
// starting from none. Where it does not say whose they are, they are
// everyone's: no umask changes them.
func parseMode(s string) (fs.FileMode, error) {
	if s != "" && s[0] >= '0' && s[0] <= '9' {
		n, err := strconv.ParseUint(s, 8, 32)
		if err != nil || n > 0o7777 {
			return 0, fmt.Errorf("mode %q: want an octal number up to 7777", s)
		}
		return fileMode(uint32(n)), nil
	}
	var bits uint32
	for clause := range strings.SplitSeq(s, ",") {
		var ok bool
		if bits, ok = symbolic(bits, clause); !ok {
			return 0, fmt.Errorf("mode %q: want an octal number, or symbols such as u=rwx,go=rx", s)
		}
	}
	return fileMode(bits), nil
}

// symbolic applies a clause, such as "go+rx-w".
func symbolic(bits uint32, clause string) (uint32, bool) {
	n := strings.IndexAny(clause, "+-=")
	if n < 0 {
		return 0, false
	}
	var who uint32
	for _, c := range clause[:n] {
		w, ok := map[rune]uint32{'u': 0o4700, 'g': 0o2070, 'o': 0o0007, 'a': 0o6777}[c]
		if !ok {
			return 0, false
		}
		who |= w
	}
	if n == 0 {
		who = 0o6777
	}
	for rest := clause[n:]; rest != ""; {
		op := rest[0]
		rest = rest[1:]
		end := strings.IndexAny(rest, "+-=")
		if end < 0 {
			end = len(rest)
		}
		perms, ok := permissions(bits, rest[:end])
		if !ok {
			return 0, false
		}
		bits = operate(bits, op, who, perms)
		rest = rest[end:]
	}
	return bits, true
}

func operate(bits uint32, op byte, who, perms uint32) uint32 {
	perms &= who | bitSticky
	switch op {
	case '+':
		return bits | perms
	case '-':
		return bits &^ perms
	default:
		return bits&^who | perms
	}
}

// permissions are the bits that letters mean, for all of whom they could be.
func permissions(bits uint32, letters string) (uint32, bool) {
	var p uint32
	for _, c := range letters {
		switch c {
		case 'r':
			p |= 0o444
		case 'w':
			p |= 0o222
		case 'x':
			p |= 0o111
		case 'X':
			if bits&0o111 != 0 {
				p |= 0o111
			}
		case 's':
			p |= bitSetuid | bitSetgid
		case 't':
			p |= bitSticky
		case 'u':
			p |= bits >> 6 & 7 * 0o111
		case 'g':
			p |= bits >> 3 & 7 * 0o111
		case 'o':
			p |= bits & 7 * 0o111
		default:
			return 0, false
		}
	}
	return p, true
}

// fileMode translates bits of stat(2).
func fileMode(bits uint32) fs.FileMode {
	m := fs.FileMode(bits & 0o777)
	if bits&bitSetuid != 0 {
		m |= fs.ModeSetuid
	}
	if bits&bitSetgid != 0 {
		m |= fs.ModeSetgid
	}
	if bits&bitSticky != 0 {
		m |= fs.ModeSticky
	}
	return m
}
