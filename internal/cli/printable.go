package cli

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// printable replaces what could command a terminal, such as an escape
// character in a name that comes from a disk image.
func printable(s string) string {
	if isPrintable(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if (r != utf8.RuneError || n > 1) && strconv.IsPrint(r) {
			b.WriteRune(r)
		} else {
			quoted := strconv.Quote(s[:n])
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[n:]
	}
	return b.String()
}

func isPrintable(s string) bool {
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return false
		}
	}
	return utf8.ValidString(s)
}

// quoted is a name as it is, or in quotes where that would not be clear.
func quoted(name string) string {
	if isPrintable(name) && name != "" && !strings.ContainsAny(name, `"\`) && strings.TrimSpace(name) == name && !strings.Contains(name, " -> ") {
		return name
	}
	return strconv.Quote(name)
}
