package debian

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"errors"
	"fmt"
	"path"
	"regexp"
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
	n, bytes, b, err := c.part()
	if err != nil {
		return 1, err
	}
	if bytes {
		c.out.Write(b[:min(n, len(b))])
		return 0, nil
	}
	lines := strings.SplitAfter(string(b), "\n")
	c.out.WriteString(strings.Join(lines[:min(n, len(lines))], ""))
	return 0, nil
}

// tail(1) without -f.
func doTail(c *call) (int, error) {
	n, bytes, b, err := c.part()
	if err != nil {
		return 1, err
	}
	if bytes {
		c.out.Write(b[max(0, len(b)-n):])
		return 0, nil
	}
	lines := strings.SplitAfter(string(b), "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	c.out.WriteString(strings.Join(lines[max(0, len(lines)-n):], ""))
	return 0, nil
}

// number is an option such as -1 of head(1) and tail(1).
var number = regexp.MustCompile(`^-[0-9]+$`)

// part reads what head and tail are given, and how many of its lines, or bytes,
// they are to show.
func (c *call) part() (n int, bytes bool, b []byte, err error) {
	for i, a := range c.args {
		if number.MatchString(a) {
			c.args[i] = "-n" + a[1:]
		}
	}
	opts, files := c.options("-q --quiet", "-n", "-c", "--lines", "--bytes")
	v := cmp.Or(opts["-n"], opts["--lines"], opts["-c"], opts["--bytes"], "10")
	if n, err = strconv.Atoi(v); err != nil || n < 0 || strings.HasPrefix(v, "+") {
		return 0, false, nil, fmt.Errorf("number %q has no native version", v)
	}
	b, err = c.input(files)
	return n, has(opts, "-c", "--bytes"), b, err
}

// cut(1) of single fields, and of bytes or characters up to a place or from it.
func doCut(c *call) (int, error) {
	opts, files := c.options("-s", "-d", "-f", "-b", "-c")
	b, err := c.input(files)
	if err != nil {
		return 1, err
	}
	pick, err := cutter(opts)
	if err != nil {
		return 1, err
	}
	for l := range strings.Lines(string(b)) {
		if l, ok := pick(strings.TrimSuffix(l, "\n")); ok {
			fmt.Fprintln(&c.out, l)
		}
	}
	return 0, nil
}

// cutter returns what cut shows of a line, and whether it shows it.
func cutter(opts map[string]string) (func(l string) (string, bool), error) {
	what := cmp.Or(opts["-b"], opts["-c"], opts["-f"])
	first, last, isRange := strings.Cut(what, "-")
	if !isRange {
		last = first
	}
	from, ferr := strconv.Atoi(cmp.Or(first, "1"))
	to, terr := strconv.Atoi(cmp.Or(last, strconv.Itoa(maxWritten)))
	if ferr != nil || terr != nil || from < 1 || what == "" || what == "-" {
		return nil, fmt.Errorf("cut %q has no native version", what)
	}
	if has(opts, "-b", "-c") {
		return func(l string) (string, bool) {
			return l[min(from-1, len(l)):max(min(to, len(l)), min(from-1, len(l)))], true
		}, nil
	}
	sep := cmp.Or(opts["-d"], "\t")
	return func(l string) (string, bool) {
		f := strings.Split(l, sep)
		if len(f) == 1 {
			return l, !has(opts, "-s")
		}
		begin := min(from-1, len(f))
		return strings.Join(f[begin:max(min(to, len(f)), begin)], sep), true
	}, nil
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

// md5sum(1), and of --check whether one of the sums is that of a file that is
// there.
func doMD5(c *call) (int, error) {
	opts, files := c.options("-c -w --check --status --quiet --ignore-missing")
	b, err := c.input(files)
	if err != nil {
		return 1, err
	}
	if has(opts, "-c", "--check") {
		return c.checkSums(string(b), has(opts, "--ignore-missing")), nil
	}
	name := "-"
	if len(files) == 1 {
		name = files[0]
	}
	fmt.Fprintf(&c.out, "%x  %s\n", md5.Sum(b), name)
	return 0, nil
}

// checkSums returns 0 when all files have their sums, and there is one.
func (c *call) checkSums(list string, ignoreMissing bool) int {
	right := 0
	for l := range strings.Lines(list) {
		sum, name, _ := strings.Cut(strings.TrimSpace(l), " ")
		b, err := c.read(c.abs(strings.TrimLeft(name, " *")))
		switch {
		case err != nil && ignoreMissing:
		case err != nil || fmt.Sprintf("%x", md5.Sum(b)) != sum:
			return 1
		default:
			right++
		}
	}
	if right == 0 {
		return 1
	}
	return 0
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
