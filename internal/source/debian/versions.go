package debian

import (
	"errors"
	"fmt"
	"strings"
)

// compareVersions is dpkg --compare-versions, where one of them is missing or
// both are the same: all that there is to compare on a root without earlier
// versions. The relations whose name ends in "-nl" take a missing version as
// later than any, the others as earlier.
func compareVersions(a, op, b string) (int, error) {
	var n int
	base, later := strings.CutSuffix(op, "-nl")
	switch {
	case a == b:
	case a != "" && b != "":
		return 2, errors.New("two versions are not compared natively")
	default:
		n = -1
		if (b == "") != later {
			n = 1
		}
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
