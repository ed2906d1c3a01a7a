package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// leastLinux is the memory that a Linux guest needs, in bytes: what Debian's
// kernel comes up with, and some more for a service.
const leastLinux = 80 << 20

// parseMemory reads a number of bytes with docker's suffixes: b, k, m, g, in
// either case, with or without a B behind. "" is 0.
func parseMemory(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	number := strings.TrimRight(s, "bBkKmMgG")
	suffix := strings.ToLower(s[len(number):])
	shift, ok := map[string]uint{"": 0, "b": 0, "k": 10, "kb": 10, "m": 20, "mb": 20, "g": 30, "gb": 30}[suffix]
	n, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || n <= 0 || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("memory %q: want a number with a suffix, such as 64M or 1G", s)
	}
	n <<= shift
	if n < 16<<20 || n%4096 != 0 {
		return 0, fmt.Errorf("memory %q: want 16M or more, in whole pages of 4096 bytes", s)
	}
	return n, nil
}

// formatSize writes a number of bytes for people: "7.9 MB".
func formatSize(n int64) string {
	switch f := float64(n); {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.1f kB", f/1e3)
	case n < 1_000_000_000:
		return fmt.Sprintf("%.1f MB", f/1e6)
	default:
		return fmt.Sprintf("%.1f GB", f/1e9)
	}
}
