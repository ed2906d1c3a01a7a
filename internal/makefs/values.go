package makefs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// shifts are the suffixes of sizes as powers of two. A word is an int of C.
var shifts = map[byte]uint{'b': 9, 'k': 10, 'm': 20, 'g': 30, 't': 40, 'w': 2}

// ParseSize reads a size as strsuftoll(3) does: a decimal number with b
// (512), k, m, g, t or w (4) behind it, or several with an x or * between
// them, which are multiplied.
func ParseSize(s string) (int64, error) {
	total := int64(1)
	for part := range strings.SplitSeq(strings.ToLower(strings.ReplaceAll(s, "*", "x")), "x") {
		n, err := parseFactor(part)
		if err != nil {
			return 0, fmt.Errorf("size %q: %w", s, err)
		}
		if n != 0 && total > math.MaxInt64/n {
			return 0, fmt.Errorf("size %q: it is larger than %d bytes", s, int64(math.MaxInt64))
		}
		total *= n
	}
	return total, nil
}

var errSize = errors.New("want a number of bytes, such as 4096, 64k, 1g or 2x512k")

func parseFactor(s string) (int64, error) {
	var shift uint
	if s != "" {
		if by, ok := shifts[s[len(s)-1]]; ok {
			shift, s = by, s[:len(s)-1]
		}
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, errSize
	}
	if n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("it is larger than %d bytes", int64(math.MaxInt64))
	}
	return int64(n) << shift, nil
}

// parseBounded reads a size from low to high.
func parseBounded(s string, low, high int64) (int64, error) {
	n, err := ParseSize(s)
	if err == nil && (n < low || n > high) {
		err = fmt.Errorf("%d: want %d to %d", n, low, high)
	}
	return n, err
}

// ParseAmount reads a number, or percents from 0 to 99 with a % behind.
func ParseAmount(s string) (n int64, percent int, err error) {
	if p, ok := strings.CutSuffix(s, "%"); ok {
		n, err := strconv.ParseUint(p, 10, 31)
		if err != nil || n > 99 {
			return 0, 0, fmt.Errorf("%q: want 0%% to 99%%", s)
		}
		return 0, int(n), nil
	}
	n, err = ParseSize(s)
	return n, 0, err
}

// ParseOrder reads a byte order: be, big or 4321, and le, little or 1234.
func ParseOrder(s string) (binary.ByteOrder, error) {
	switch s {
	case "be", "big", "4321":
		return binary.BigEndian, nil
	case "le", "little", "1234":
		return binary.LittleEndian, nil
	}
	return nil, fmt.Errorf("byte order %q: want le, little or 1234, or be, big or 4321", s)
}

// dates are the forms of a time that ParseTime takes.
var dates = []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"}

// ParseTime reads a time: the name of a file, whose modification time it is,
// seconds since 1970, or a date, in UTC where it does not say.
func ParseTime(s string) (time.Time, error) {
	if fi, err := os.Stat(s); err == nil {
		return fi.ModTime().UTC(), nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Unix(n, 0).UTC(), nil
	}
	for _, form := range dates {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("time %q: want a file, seconds since 1970, or a date such as 2026-11-23 or 2026-11-23T12:00:00Z", s)
}
