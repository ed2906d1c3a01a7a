package tree

import (
	"fmt"
	"strconv"
	"strings"
)

// ChangeMode returns mode after the change that chmod(1) would make, given in
// octal digits or letters; dir says that it is a folder's, for X.
func ChangeMode(mode uint32, change string, dir bool) (uint32, error) {
	if n, err := strconv.ParseUint(change, 8, 12); err == nil {
		return uint32(n), nil
	}
	for clause := range strings.SplitSeq(change, ",") {
		at := strings.IndexAny(clause, "+-=")
		if at < 0 {
			return 0, fmt.Errorf("mode %q", change)
		}
		who := clause[:at]
		if who == "" || strings.Contains(who, "a") {
			who = "ugo"
		}
		for rest := clause[at:]; rest != ""; {
			op := rest[0]
			end := strings.IndexAny(rest[1:], "+-=") + 1
			if end == 0 {
				end = len(rest)
			}
			var err error
			if mode, err = changeBits(mode, who, op, rest[1:end], dir); err != nil {
				return 0, fmt.Errorf("mode %q: %w", change, err)
			}
			rest = rest[end:]
		}
	}
	return mode, nil
}

// changeBits sets, clears or replaces perms of who.
func changeBits(mode uint32, who string, op byte, perms string, dir bool) (uint32, error) {
	var bits, all uint32
	for _, w := range who {
		shift, ok := map[rune]uint32{'u': 6, 'g': 3, 'o': 0}[w]
		if !ok {
			return 0, fmt.Errorf("%q", w)
		}
		all |= 7 << shift
		for _, p := range perms {
			switch {
			case strings.ContainsRune("rwx", p):
				bits |= map[rune]uint32{'r': 4, 'w': 2, 'x': 1}[p] << shift
			case p == 'X' && (dir || mode&0o111 != 0):
				bits |= 1 << shift
			case p == 'X':
			case p == 's' && w == 'u':
				bits |= 0o4000
			case p == 's' && w == 'g':
				bits |= 0o2000
			case p == 's':
			case p == 't':
				bits |= 0o1000
			case strings.ContainsRune("ugo", p):
				bits |= (mode >> map[rune]uint32{'u': 6, 'g': 3, 'o': 0}[p] & 7) << shift
			default:
				return 0, fmt.Errorf("%q", p)
			}
		}
	}
	switch op {
	case '+':
		return mode | bits, nil
	case '-':
		return mode &^ bits, nil
	}
	return mode&^all | bits, nil
}
