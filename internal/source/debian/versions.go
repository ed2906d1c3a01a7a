package debian

import (
	"fmt"
	"strconv"
	"strings"
)

// compareVersions is dpkg --compare-versions: the relations whose name ends
// in "-nl" take a missing version as later than any, the others as earlier.
func compareVersions(a, op, b string) (int, error) {
	base, later := strings.CutSuffix(op, "-nl")
	var n int
	switch {
	case a == b:
	case a == "" || b == "":
		n = -1
		if (b == "") != later {
			n = 1
		}
	default:
		n = versionOrder(a, b)
	}
	ok, known := map[string]bool{
		"lt": n < 0, "le": n <= 0, "eq": n == 0, "ne": n != 0, "ge": n >= 0, "gt": n > 0,
		"<<": n < 0, "<=": n <= 0, "=": n == 0, ">=": n >= 0, ">>": n > 0, "<": n <= 0, ">": n >= 0,
	}[base]
	if !known {
		return 2, fmt.Errorf("relation %q", op)
	}
	if ok {
		return 0, nil
	}
	return 1, nil
}

// versionOrder compares versions by Debian Policy 5.6.12: epoch, upstream
// version, revision.
func versionOrder(a, b string) int {
	epochA, upA, revA := splitVersion(a)
	epochB, upB, revB := splitVersion(b)
	if epochA != epochB {
		return epochA - epochB
	}
	if n := partOrder(upA, upB); n != 0 {
		return n
	}
	return partOrder(revA, revB)
}

func splitVersion(v string) (epoch int, upstream, revision string) {
	if e, rest, ok := strings.Cut(v, ":"); ok {
		if n, err := strconv.Atoi(e); err == nil {
			epoch, v = n, rest
		}
	}
	if i := strings.LastIndexByte(v, '-'); i >= 0 {
		return epoch, v[:i], v[i+1:]
	}
	return epoch, v, ""
}

// partOrder compares by turns what has no digits, where "~" is before the end
// and letters are before other characters, and numbers.
func partOrder(a, b string) int {
	isDigit := func(r rune) bool { return r >= '0' && r <= '9' }
	for a != "" || b != "" {
		for (a != "" && !isDigit(rune(a[0]))) || (b != "" && !isDigit(rune(b[0]))) {
			if n := charOrder(a) - charOrder(b); n != 0 {
				return n
			}
			a, b = a[min(1, len(a)):], b[min(1, len(b)):]
		}
		endA := len(a) - len(strings.TrimLeftFunc(a, isDigit))
		endB := len(b) - len(strings.TrimLeftFunc(b, isDigit))
		numA, numB := strings.TrimLeft(a[:endA], "0"), strings.TrimLeft(b[:endB], "0")
		if n := len(numA) - len(numB); n != 0 {
			return n
		}
		if n := strings.Compare(numA, numB); n != 0 {
			return n
		}
		a, b = a[endA:], b[endB:]
	}
	return 0
}

func charOrder(s string) int {
	switch {
	case s == "" || s[0] >= '0' && s[0] <= '9':
		return 0
	case s[0] == '~':
		return -1
	case s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z':
		return int(s[0])
	}
	return int(s[0]) + 256
}
