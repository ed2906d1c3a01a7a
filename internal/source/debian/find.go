package debian

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// found is what find(1) looks at.
type found struct {
	tree.Entry
	shown string // its path, beginning as it was given
	depth int
}

// A findTest is a part of find's expression.
type findTest func(f found) (bool, error)

// A finder reads find's expression.
type finder struct {
	*call
	args       []string // not read yet
	min, max   int      // depths
	acts       bool     // something is done with what is found
	depthFirst bool     // what is in a folder comes before it
}

// find(1) with what scripts use: tests by name, type, owner and depth; -print,
// -delete and -exec; !, -o and parentheses.
func doFind(c *call) (int, error) {
	n := 1
	for n < len(c.args) && !strings.HasPrefix(c.args[n], "-") && c.args[n] != "!" && c.args[n] != "(" {
		n++
	}
	roots := c.args[1:n]
	if len(roots) == 0 {
		roots = []string{"."}
	}
	f := &finder{call: c, args: c.args[n:], max: maxMade}
	test, err := f.either()
	if err == nil && len(f.args) > 0 {
		err = fmt.Errorf("%q has no native version", f.args[0])
	}
	if err != nil {
		return 1, err
	}
	status := 0
	for _, root := range roots {
		if _, err := c.get(c.abs(root), false); err != nil {
			status = 1
			continue
		}
		if err := f.walk(root, test); err != nil {
			return 1, err
		}
	}
	return status, nil
}

// walk tries all that is at and below root.
func (f *finder) walk(root string, test findTest) error {
	top, err := f.get(f.abs(root), false)
	if err != nil {
		return err
	}
	all := []tree.Entry{top}
	if top.Type == tree.Dir {
		all = f.to.tree.Below(top.Path)
	}
	if f.depthFirst {
		slices.Reverse(all)
	}
	for _, e := range all {
		rest := strings.TrimPrefix(e.Path, strings.TrimSuffix(top.Path, "/"))
		at := found{e, strings.TrimSuffix(root, "/") + rest, strings.Count(rest, "/")}
		if at.depth < f.min || at.depth > f.max {
			continue
		}
		if err := f.ctx.Err(); err != nil {
			return err
		}
		ok, err := test(at)
		if err != nil {
			return err
		}
		if ok && !f.acts {
			fmt.Fprintln(&f.out, at.shown)
		}
	}
	return nil
}

// either reads tests with -o between.
func (f *finder) either() (findTest, error) {
	a, err := f.both()
	for err == nil && len(f.args) > 0 && (f.args[0] == "-o" || f.args[0] == "-or") {
		f.args = f.args[1:]
		var b findTest
		if b, err = f.both(); err != nil {
			break
		}
		first := a
		a = func(at found) (bool, error) {
			if ok, err := first(at); ok || err != nil {
				return ok, err
			}
			return b(at)
		}
	}
	return a, err
}

// both reads tests that all must hold.
func (f *finder) both() (findTest, error) {
	all := []findTest{}
	for len(f.args) > 0 && !slices.Contains([]string{"-o", "-or", ")"}, f.args[0]) {
		if f.args[0] == "-a" || f.args[0] == "-and" {
			f.args = f.args[1:]
			continue
		}
		t, err := f.one()
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return func(at found) (bool, error) {
		for _, t := range all {
			if ok, err := t(at); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	}, nil
}

// one reads a test, "! TEST" or "( TESTS )".
func (f *finder) one() (findTest, error) {
	word := f.args[0]
	f.args = f.args[1:]
	switch word {
	case "!", "-not":
		if len(f.args) == 0 {
			return nil, errors.New("! without a test")
		}
		t, err := f.one()
		return func(at found) (bool, error) {
			ok, err := t(at)
			return !ok, err
		}, err
	case "(":
		t, err := f.either()
		if err != nil || len(f.args) == 0 {
			return nil, errors.Join(err, errors.New("( without its )"))
		}
		f.args = f.args[1:]
		return t, nil
	}
	if t := f.plain(word); t != nil {
		return t, nil
	}
	if word == "-exec" {
		return f.exec()
	}
	if len(f.args) == 0 {
		return nil, fmt.Errorf("%s has no native version", word)
	}
	value := f.args[0]
	f.args = f.args[1:]
	return f.withValue(word, value)
}

// plain is a test or action without a value; nil: it is none.
func (f *finder) plain(word string) findTest {
	switch word {
	case "-print", "-print0":
		f.acts = true
		end := map[string]string{"-print": "\n", "-print0": "\x00"}[word]
		return func(at found) (bool, error) {
			f.out.WriteString(at.shown + end)
			return true, nil
		}
	case "-delete":
		f.acts, f.depthFirst = true, true
		return func(at found) (bool, error) {
			if len(f.to.tree.Below(at.Path)) > 1 {
				return false, nil
			}
			f.to.tree.Remove(at.Path)
			return true, nil
		}
	case "-empty":
		return func(at found) (bool, error) {
			return at.Type == tree.File && at.Size == 0 || at.Type == tree.Dir && len(f.to.tree.Below(at.Path)) == 1, nil
		}
	case "-depth", "-d":
		f.depthFirst = true
		fallthrough
	case "-xdev", "-mount", "-true":
		return func(found) (bool, error) { return true, nil }
	}
	return nil
}

// withValue is a test with a value.
func (f *finder) withValue(word, value string) (findTest, error) {
	switch word {
	case "-mindepth", "-maxdepth":
		n, err := strconv.Atoi(value)
		if word == "-mindepth" {
			f.min = n
		} else {
			f.max = n
		}
		return func(found) (bool, error) { return true, nil }, err
	case "-name":
		return func(at found) (bool, error) { return path.Match(value, path.Base(at.shown)) }, nil
	case "-type":
		want, ok := map[string]tree.Type{"f": tree.File, "d": tree.Dir, "l": tree.Symlink}[value]
		if !ok {
			return nil, fmt.Errorf("-type %s has no native version", value)
		}
		return func(at found) (bool, error) {
			return at.Type == want || at.Type == tree.Hardlink && want == tree.File, nil
		}, nil
	case "-user", "-uid", "-group", "-gid":
		return f.owned(word, value)
	}
	return nil, fmt.Errorf("%s has no native version", word)
}

// owned is the test for an owner, by name or number.
func (f *finder) owned(word, value string) (findTest, error) {
	if value == "" || strings.Contains(value, ":") {
		return nil, expected{fmt.Errorf("%s takes a name or number, not %q", word, value)}
	}
	group := word == "-group" || word == "-gid"
	if group {
		value = ":" + value
	}
	o, err := f.owner(value)
	if err != nil {
		return nil, expected{err}
	}
	return func(at found) (bool, error) {
		if group {
			return at.GID == *o.gid, nil
		}
		return at.UID == *o.uid, nil
	}, nil
}

// exec is "-exec COMMAND ;", and "-exec COMMAND {} +", which is run for each
// file too.
func (f *finder) exec() (findTest, error) {
	f.acts = true
	end := slices.IndexFunc(f.args, func(a string) bool { return a == ";" || a == "+" })
	if end < 1 {
		return nil, errors.New("-exec without its end")
	}
	words := f.args[:end]
	f.args = f.args[end+1:]
	return func(at found) (bool, error) {
		args := make([]string, len(words))
		for i, w := range words {
			args[i] = strings.ReplaceAll(w, "{}", at.shown)
		}
		status, err := f.run(args)
		return status == 0, err
	}, nil
}

// run does another command as part of this one.
func (c *call) run(args []string) (int, error) {
	if c.commands++; c.commands > maxCommands {
		return 1, fmt.Errorf("more than %d commands", maxCommands)
	}
	cmd := c.known[path.Base(args[0])]
	if cmd.do == nil || cmd.reads {
		return 1, fmt.Errorf("%s: no native version", strings.Join(args, " "))
	}
	sub := &call{script: c.script, ctx: c.ctx, args: slices.Clone(args), dir: c.dir, line: c.line}
	sub.args[0] = path.Base(args[0])
	status, err := cmd.do(sub)
	c.out.Write(sub.out.Bytes())
	if usual(err) {
		return max(status, 1), nil
	}
	return status, err
}

// xargs(1): one call of the command, with all that is read.
func doXargs(c *call) (int, error) {
	split, some := strings.Fields, false
	rest := c.args[1:]
	for ; len(rest) > 0 && strings.HasPrefix(rest[0], "-"); rest = rest[1:] {
		switch rest[0] {
		case "-0", "--null":
			split = func(s string) []string { return strings.FieldsFunc(s, func(r rune) bool { return r == 0 }) }
		case "-r", "--no-run-if-empty":
			some = true
		case "-0r", "-r0":
			split = func(s string) []string { return strings.FieldsFunc(s, func(r rune) bool { return r == 0 }) }
			some = true
		default:
			return 1, fmt.Errorf("xargs: option %s has no native version", rest[0])
		}
	}
	words := split(string(c.in))
	if some && len(words) == 0 {
		return 0, nil
	}
	if len(rest) == 0 || strings.ContainsAny(string(c.in), "'\"\\") {
		return 1, errors.New("this use of xargs has no native version")
	}
	return c.run(append(slices.Clone(rest), words...))
}
