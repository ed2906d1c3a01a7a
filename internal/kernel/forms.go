package kernel

import "strings"

// The forms of names are checked by hand: expressions would be compiled at
// the start of every program that has this package in it.
const (
	digits    = "0123456789"
	hexDigits = digits + "abcdef"
)

// isName reports whether s can be a kernel's name: at most 64 letters, digits
// and . _ + -, the first of them a letter or digit.
func isName(s string) bool {
	return madeOf(s, letters+"._+-") && len(s) <= 64 && strings.IndexByte(letters, s[0]) >= 0
}

// isDigest reports whether s is a SHA-256 in hexadecimal.
func isDigest(s string) bool { return len(s) == 64 && madeOf(s, hexDigits) }

// isPrefix reports whether s can be the start of a digest, and is long enough
// to stand for it.
func isPrefix(s string) bool { return len(s) >= 4 && len(s) <= 64 && madeOf(s, hexDigits) }

// madeOf reports whether s has nothing in it but chars, and is not empty.
func madeOf(s, chars string) bool { return s != "" && strings.Trim(s, chars) == "" }
