package debian

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// input returns what a command reads: the files given, else its standard
// input.
func (c *call) input(files []string) ([]byte, error) {
	if len(files) == 0 {
		return c.in, nil
	}
	var all []byte
	for _, f := range files {
		b := c.in
		if f != "-" {
			var err error
			if b, err = c.read(c.abs(f)); err != nil {
				return nil, err
			}
		}
		if len(all)+len(b) > maxWritten {
			return nil, fmt.Errorf("more than %d bytes", maxWritten)
		}
		all = append(all, b...)
	}
	return all, nil
}

func doCat(c *call) (int, error) {
	_, files := c.options("-u")
	b, err := c.input(files)
	c.out.Write(b)
	return 0, err
}

func doHead(c *call) (int, error) {
	opts, files := c.options("-0 -1 -2 -3 -4 -5 -6 -7 -8 -9", "-n")
	b, err := c.input(files)
	if err != nil {
		return 1, err
	}
	n := 10
	for o, v := range opts {
		if len(o) == 2 && o[1] >= '0' && o[1] <= '9' {
			v = strings.TrimPrefix(c.args[1], "-")
		} else if o != "-n" {
			return 1, fmt.Errorf("option %s", o)
		}
		if n, err = strconv.Atoi(v); err != nil || n < 0 {
			return 1, fmt.Errorf("number %q", v)
		}
	}
	for l := range bytes.Lines(b) {
		if n--; n < 0 {
			break
		}
		c.out.Write(l)
	}
	return 0, nil
}

// cut(1) of single fields.
func doCut(c *call) (int, error) {
	opts, files := c.options("", "-d", "-f")
	b, err := c.input(files)
	if err != nil {
		return 1, err
	}
	n, err := strconv.Atoi(opts["-f"])
	if err != nil || n < 1 {
		return 1, fmt.Errorf("fields %q have no native version", opts["-f"])
	}
	sep := opts["-d"]
	if sep == "" {
		sep = "\t"
	}
	for l := range strings.Lines(string(b)) {
		l = strings.TrimSuffix(l, "\n")
		if f := strings.Split(l, sep); len(f) == 1 {
			l = f[0]
		} else if n <= len(f) {
			l = f[n-1]
		} else {
			l = ""
		}
		fmt.Fprintln(&c.out, l)
	}
	return 0, nil
}

// tr(1) of single characters, ranges and [:upper:], [:lower:].
func doTr(c *call) (int, error) {
	opts, sets := c.options("-d")
	if len(sets) == 0 || len(opts) > 1 || (len(opts) == 1 && !has(opts, "-d")) {
		return 1, errors.New("this use of tr has no native version")
	}
	from := trSet(sets[0])
	if has(opts, "-d") {
		c.out.WriteString(strings.Map(func(r rune) rune {
			if strings.ContainsRune(from, r) {
				return -1
			}
			return r
		}, string(c.in)))
		return 0, nil
	}
	if len(sets) != 2 || trSet(sets[1]) == "" {
		return 1, errors.New("this use of tr has no native version")
	}
	to := trSet(sets[1])
	for _, b := range c.in {
		if i := strings.IndexByte(from, b); i >= 0 {
			b = to[min(i, len(to)-1)]
		}
		c.out.WriteByte(b)
	}
	return 0, nil
}

func trSet(s string) string {
	s = strings.NewReplacer("[:upper:]", "A-Z", "[:lower:]", "a-z", "[:digit:]", "0-9", `\n`, "\n", `\t`, "\t",
		"[:space:]", " \t\n\r\v\f", `\\`, `\`).Replace(s)
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if i+2 < len(s) && s[i+1] == '-' && s[i] <= s[i+2] {
			for ch := int(s[i]); ch <= int(s[i+2]); ch++ {
				b.WriteByte(byte(ch))
			}
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func doSort(c *call) (int, error) {
	opts, files := c.options("-r -u")
	for o := range opts {
		if o != "-u" && o != "-r" {
			return 1, fmt.Errorf("sort %s has no native version", o)
		}
	}
	b, err := c.input(files)
	if err != nil {
		return 1, err
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	if len(b) == 0 {
		return 0, nil
	}
	slices.Sort(lines)
	if has(opts, "-u") {
		lines = slices.Compact(lines)
	}
	if has(opts, "-r") {
		slices.Reverse(lines)
	}
	c.out.WriteString(strings.Join(lines, "\n") + "\n")
	return 0, nil
}

func doCmp(c *call) (int, error) {
	_, files := c.options("-s --quiet --silent")
	if len(files) != 2 {
		return 2, errors.New("two files are compared")
	}
	a, errA := c.input(files[:1])
	b, errB := c.input(files[1:])
	switch {
	case errA != nil || errB != nil:
		return 2, nil
	case bytes.Equal(a, b):
		return 0, nil
	}
	return 1, nil
}

func doMD5(c *call) (int, error) {
	_, files := c.options("")
	b, err := c.input(files)
	if err != nil {
		return 1, err
	}
	name := "-"
	if len(files) == 1 {
		name = files[0]
	}
	fmt.Fprintf(&c.out, "%x  %s\n", md5.Sum(b), name)
	return 0, nil
}

func doBasename(c *call) (int, error) {
	_, rest := c.options("")
	if len(rest) == 0 {
		return 1, errors.New("no path")
	}
	base := path.Base(rest[0])
	if len(rest) > 1 && base != rest[1] {
		base = strings.TrimSuffix(base, rest[1])
	}
	fmt.Fprintln(&c.out, base)
	return 0, nil
}

func doDirname(c *call) (int, error) {
	_, rest := c.options("")
	if len(rest) == 0 {
		return 1, errors.New("no path")
	}
	fmt.Fprintln(&c.out, path.Dir(strings.TrimRight(rest[0], "/")))
	return 0, nil
}

func doUname(c *call) (int, error) {
	machine := map[string]string{"amd64": "x86_64", "i386": "i686"}[c.to.s.arch()]
	switch strings.Join(c.args[1:], " ") {
	case "", "-s":
		fmt.Fprintln(&c.out, "Linux")
	case "-m":
		fmt.Fprintln(&c.out, machine)
	default:
		return 1, errors.New("only -s and -m are known before a guest runs")
	}
	return 0, nil
}
