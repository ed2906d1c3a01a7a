package debian

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// ls(1) of names only. What begins with a "." is left out unless asked for.
func doLs(c *call) (int, error) {
	opts, paths := c.options("-1 -A -L -d")
	if len(paths) == 0 {
		paths = []string{"."}
	}
	status := 0
	for _, p := range paths {
		e, err := c.get(c.abs(p), true)
		switch {
		case err != nil:
			status = 2
		case e.Type != tree.Dir || has(opts, "-d"):
			fmt.Fprintln(&c.out, p)
		default:
			if err := c.listNames(p, has(opts, "-A")); err != nil {
				return 2, err
			}
		}
	}
	return status, nil
}

// listNames writes the names in a folder, those that begin with a "." with all.
func (c *call) listNames(dir string, all bool) error {
	found, err := c.list(c.abs(dir))
	for _, f := range found {
		if all || !strings.HasPrefix(f.Name(), ".") {
			fmt.Fprintln(&c.out, f.Name())
		}
	}
	return err
}

// stat(1) with a format of owner, mode, size and name.
func doStat(c *call) (int, error) {
	opts, paths := c.options("-L --dereference", "-c", "--format")
	format := opts["-c"] + opts["--format"]
	if format == "" || len(paths) == 0 {
		return 1, errors.New("this use of stat has no native version")
	}
	db, err := c.accounts()
	if err != nil {
		return 1, err
	}
	name := func(file string, id uint32) string {
		l, ok := db.Entry(file, strconv.FormatUint(uint64(id), 10))
		if !ok {
			return "UNKNOWN"
		}
		name, _, _ := strings.Cut(l, ":")
		return name
	}
	for _, p := range paths {
		e, err := c.get(c.abs(p), has(opts, "-L", "--dereference"))
		if err != nil {
			return 1, err
		}
		text := strings.NewReplacer(
			"%a", fmt.Sprintf("%o", e.Mode), "%n", p, "%s", strconv.FormatInt(e.Size, 10),
			"%u", strconv.FormatUint(uint64(e.UID), 10), "%g", strconv.FormatUint(uint64(e.GID), 10),
			"%U", name("passwd", e.UID), "%G", name("group", e.GID), "%%", "\x00",
		).Replace(format)
		if strings.Contains(text, "%") {
			return 1, fmt.Errorf("format %q has no native version", format)
		}
		fmt.Fprintln(&c.out, strings.ReplaceAll(text, "\x00", "%"))
	}
	return 0, nil
}

// wc(1) of one thing counted.
func doWc(c *call) (int, error) {
	opts, files := c.options("-l -c -w --lines --bytes --words")
	b, err := c.input(files)
	if err != nil {
		return 1, err
	}
	if len(opts) != 1 || len(files) > 1 {
		return 1, errors.New("this use of wc has no native version")
	}
	n := strings.Count(string(b), "\n")
	switch {
	case has(opts, "-c", "--bytes"):
		n = len(b)
	case has(opts, "-w", "--words"):
		n = len(strings.Fields(string(b)))
	}
	fmt.Fprintln(&c.out, strings.TrimSpace(strconv.Itoa(n)+" "+strings.Join(files, "")))
	return 0, nil
}

// uniq(1), and with -c how often.
func doUniq(c *call) (int, error) {
	opts, files := c.options("-c -d -u --count")
	b, err := c.input(files)
	if err != nil {
		return 1, err
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	if len(b) == 0 {
		lines = nil
	}
	for len(lines) > 0 {
		n := 1
		for n < len(lines) && lines[n] == lines[0] {
			n++
		}
		switch {
		case has(opts, "-d") && n == 1, has(opts, "-u") && n > 1:
		case has(opts, "-c", "--count"):
			fmt.Fprintf(&c.out, "%7d %s\n", n, lines[0])
		default:
			fmt.Fprintln(&c.out, lines[0])
		}
		lines = lines[n:]
	}
	return 0, nil
}

// tee(1).
func doTee(c *call) (int, error) {
	opts, files := c.options("-a --append")
	for _, f := range files {
		b := c.in
		if has(opts, "-a", "--append") {
			old, err := c.read(c.abs(f))
			if err != nil && !notExist(err) {
				return 1, err
			}
			b = slices.Concat(old, b)
		}
		if path.Dir(c.abs(f)) == "/dev" {
			continue
		}
		if err := c.write(c.abs(f), b, 0o666&^c.umask); err != nil {
			return 1, err
		}
	}
	c.out.Write(c.in)
	return 0, nil
}

// awkPrint is the program that picks one field of each line, or of those that
// match: '/re/ { print $2 }'.
var awkPrint = regexp.MustCompile(`^\s*(?:/((?:[^/\\]|\\.)*)/\s*)?\{\s*print\s*(?:\$(\d{1,3}))?\s*;?\s*\}\s*$`)

// awk(1) with that program.
func doAwk(c *call) (int, error) {
	opts, rest := c.options("", "-F")
	if len(rest) == 0 {
		return 2, errors.New("no program")
	}
	m := awkPrint.FindStringSubmatch(rest[0])
	sep := opts["-F"]
	if m == nil || len(sep) > 1 {
		return 2, errors.New("this program has no native version")
	}
	match, err := regexp.Compile(m[1])
	if err != nil {
		return 2, err
	}
	b, err := c.input(rest[1:])
	if err != nil {
		return 2, err
	}
	n, _ := strconv.Atoi("0" + m[2]) // digits; too many are no field either
	for l := range strings.Lines(string(b)) {
		l = strings.TrimSuffix(l, "\n")
		if !match.MatchString(l) {
			continue
		}
		f := strings.Fields(l)
		if sep != "" && sep != " " {
			f = strings.Split(l, sep)
		}
		fmt.Fprintln(&c.out, append(append([]string{l}, f...), make([]string, max(0, n-len(f)))...)[n])
	}
	return 0, nil
}

// expr(1) of two numbers, or of a comparison of texts.
func doExpr(c *call) (int, error) {
	if len(c.args) != 4 {
		return 2, errors.New("this use of expr has no native version")
	}
	a, aerr := strconv.ParseInt(c.args[1], 10, 64)
	b, berr := strconv.ParseInt(c.args[3], 10, 64)
	numbers := aerr == nil && berr == nil
	truth := map[bool]int64{true: 1}
	var n int64
	switch op := c.args[2]; {
	case numbers && op == "+":
		n = a + b
	case numbers && op == "-":
		n = a - b
	case numbers && op == "*":
		n = a * b
	case op == "=":
		n = truth[c.args[1] == c.args[3]]
	case op == "!=":
		n = truth[c.args[1] != c.args[3]]
	default:
		return 2, fmt.Errorf("expr %q has no native version", op)
	}
	fmt.Fprintln(&c.out, n)
	if n == 0 {
		return 1, nil
	}
	return 0, nil
}

// date(1): a build's time is that of its files, for the same tree each time.
func doDate(c *call) (int, error) {
	opts, rest := c.options("-u --utc --universal", "-d", "--date")
	const usual = "Mon Jan _2 15:04:05 UTC 2006"
	now := c.to.s.time().UTC()
	when := opts["-d"] + opts["--date"]
	if when != "" && when != "now" && when != now.Format(usual) || len(rest) > 1 {
		return 1, errors.New("this use of date has no native version")
	}
	if len(rest) == 0 {
		fmt.Fprintln(&c.out, now.Format(usual))
		return 0, nil
	}
	format, ok := strings.CutPrefix(rest[0], "+")
	text := strings.NewReplacer(
		"%s", strconv.FormatInt(now.Unix(), 10), "%F", now.Format(time.DateOnly), "%T", now.Format(time.TimeOnly),
		"%Y", now.Format("2006"), "%m", now.Format("01"), "%d", now.Format("02"), "%b", now.Format("Jan"),
		"%H", now.Format("15"), "%M", now.Format("04"), "%S", now.Format("05"),
	).Replace(format)
	if !ok || strings.Contains(text, "%") {
		return 1, fmt.Errorf("format %q has no native version", rest[0])
	}
	fmt.Fprintln(&c.out, text)
	return 0, nil
}
