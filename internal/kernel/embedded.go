package kernel

import (
	"bytes"
	"slices"
	"strings"
)

// What config(1) puts into a kernel for "options INCLUDE_CONFIG_FILE": one C
// string of lines, each with configMark and, for included files,
// includeMark before it, and encoded by vis(3).
const (
	configMark  = "_CFG_"
	includeMark = "###> "
)

// configFacts is what a kernel configuration turns on.
type configFacts struct {
	options     map[string]string // name to value, "" for a flag
	filesystems []string          // lower case
	attachments []string          // "ld at virtio", without numbers
}

// embeddedConfig reads the configuration that is at off of the kernel.
func (f *elfFile) embeddedConfig(off int64) (configFacts, error) {
	b := make([]byte, min(f.size-off, maxConfig))
	if err := readAt(f.r, b, off, f.size); err != nil {
		return configFacts{}, err
	}
	if n := bytes.IndexByte(b, 0); n >= 0 {
		b = b[:n]
	}
	var lines []string
	for line := range strings.Lines(string(b)) {
		line = strings.TrimPrefix(line, configMark)
		lines = append(lines, unvis(strings.TrimPrefix(line, includeMark)))
	}
	return parseConfig(lines), nil
}

// parseConfig reads the statements of a configuration that turn options,
// file systems and devices on, and takes away what a "no" statement names:
// wherever that stands, since what config(1) embeds is not in reading order.
func parseConfig(lines []string) configFacts {
	on := configFacts{options: map[string]string{}}
	off := configFacts{options: map[string]string{}}
	for _, line := range lines {
		words := strings.Fields(stripComment(line))
		to := &on
		if len(words) > 0 && words[0] == "no" {
			to, words = &off, words[1:]
		}
		to.statement(words)
	}
	for name := range off.options {
		delete(on.options, name)
	}
	on.filesystems = without(on.filesystems, off.filesystems)
	on.attachments = without(on.attachments, off.attachments)
	return on
}

// without takes from all those that are in some.
func without(all, some []string) []string {
	gone := make(map[string]bool, len(some))
	for _, s := range some {
		gone[s] = true
	}
	return slices.DeleteFunc(all, func(s string) bool { return gone[s] })
}

func (c *configFacts) statement(words []string) {
	if len(words) < 2 {
		return
	}
	switch list := strings.Join(words[1:], " "); {
	case words[0] == "options":
		for _, o := range splitList(list) {
			name, value, _ := strings.Cut(o, "=")
			c.options[strings.TrimSpace(name)] = strings.Trim(strings.TrimSpace(value), `"\`)
		}
	case words[0] == "file-system":
		for _, fs := range splitList(list) {
			c.filesystems = append(c.filesystems, strings.ToLower(fs))
		}
	case len(words) >= 3 && words[1] == "at":
		c.attachments = append(c.attachments, baseName(words[0])+" at "+baseName(words[2]))
	}
}

// baseName takes the unit from a device: "ld*", "com0" and "isa?" are ld, com
// and isa. A name that ends in a digit itself is not told apart; none of ours does.
func baseName(dev string) string { return strings.TrimRight(dev, "*?0123456789") }

func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

func stripComment(line string) string {
	quoted := false
	for i, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '#' && !quoted:
			return line[:i]
		}
	}
	return line
}

// unvis undoes the encodings of vis(3) that a configuration can hold.
func unvis(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var text strings.Builder
	for {
		before, rest, ok := strings.Cut(s, `\`)
		text.WriteString(before)
		if !ok {
			return text.String()
		}
		c, n := unescape(rest)
		text.WriteByte(c)
		s = rest[n:]
	}
}

// unescape returns the byte that s, which stood after a backslash, starts
// with, and of how many it is made.
func unescape(s string) (byte, int) {
	switch {
	case s == "":
		return '\\', 0
	case len(s) >= 3 && madeOf(s[:3], "01234567"):
		return (s[0]-'0')<<6 | (s[1]-'0')<<3 | (s[2] - '0'), 3
	case s[0] == '^' && len(s) > 1:
		return s[1] & 0x1f, 2
	case s[0] == 't':
		return '\t', 1
	case s[0] == 's':
		return ' ', 1
	}
	return s[0], 1
}
