package pkgsrc

import (
	"regexp"
	"strings"
	"unicode"
)

// maxMessage is how much of a package's message is shown, in bytes; the whole
// is in the database of packages.
const maxMessage = 2000

// ornament matches lines of messages that say nothing: rules, and the marks of
// version control.
var ornament = regexp.MustCompile(`^[-=*#~_ ]*$|^\$NetBSD.*\$$`)

// message returns in one line what pkg_add(1) shows once a package is
// installed: its file +DISPLAY, which pkgsrc makes of its MESSAGE.
func message(text string) string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); !ornament.MatchString(line) {
			all = append(all, strings.Fields(line)...)
		}
	}
	one := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1 // none of a terminal's business
		}
		return r
	}, strings.ToValidUTF8(strings.Join(all, " "), "?"))
	if len(one) <= maxMessage {
		return one
	}
	return strings.ToValidUTF8(one[:maxMessage], "") + "… (the rest is in its +DISPLAY)"
}
