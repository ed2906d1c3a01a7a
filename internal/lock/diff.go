package lock

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// maxPaths is how many paths are named of a step that came out differently.
const maxPaths = 5

// Diff returns how found differs from the lock, in lines such as "package
// nginx: locked 1.26.2, found 1.26.3". Of a build that is not done, only what
// is there already is looked at.
func (l *Lock) Diff(found *Lock, done bool) []string {
	d := differ{done: done}
	d.value("guest", l.Guest, found.Guest)
	d.value("release", l.Release, found.Release)
	d.value("date", l.date(), found.date())
	compare(&d, "definition", l.Definition, found.Definition, func(f Definition) string { return f.Path }, Definition.against)
	d.settings(l.Settings, found.Settings)
	name := func(p Package) string { return p.Name }
	compare(&d, "set", l.Sets, found.Sets, name, Package.against)
	compare(&d, "package", l.Packages, found.Packages, name, Package.against)
	compare(&d, "system file", l.System, found.System, func(f File) string { return f.Path }, File.against)
	compare(&d, "file", l.Files, found.Files, func(f File) string { return f.Path }, File.against)
	compare(&d, "image", l.Images, found.Images, func(i Image) string { return i.Ref }, Image.against)
	compare(&d, "", l.Fetched, found.Fetched, func(f Fetched) string { return f.URL }, Fetched.against)
	d.steps(l, found)
	if len(d.lines) == 0 && l.Image != "" && found.Image != "" {
		// It follows from the others, and says least.
		d.value("image "+l.Ship, short(l.Image), short(found.Image))
	}
	return d.lines
}

// differ collects differences.
type differ struct {
	done  bool
	lines []string
}

func (d *differ) add(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *differ) value(what, locked, found string) {
	if locked != found {
		d.add("%s: locked %s, found %s", what, cmp.Or(locked, "none"), cmp.Or(found, "none"))
	}
}

// compare compares two lists, whose entries are told apart by id.
func compare[T any](d *differ, what string, locked, found []T, id func(T) string, against func(T, T) string) {
	if what != "" {
		what += " "
	}
	have := make(map[string]T, len(found))
	for _, f := range found {
		have[id(f)] = f
	}
	known := make(map[string]bool, len(locked))
	for _, l := range locked {
		known[id(l)] = true
		f, ok := have[id(l)]
		if !ok {
			if d.done {
				d.add("%s%s: locked, and no longer there", what, id(l))
			}
			continue
		}
		if text := against(l, f); text != "" {
			d.add("%s%s: %s", what, id(l), text)
		}
	}
	for _, f := range found {
		if !known[id(f)] {
			d.add("%s%s: not locked", what, id(f))
		}
	}
}

// against says how f differs from the locked p, "" if it does not. Where it
// was got from does not matter.
func (p Package) against(f Package) string {
	switch {
	case p.Version != f.Version:
		return fmt.Sprintf("locked %s, found %s", p.Version, f.Version)
	case p.Arch != f.Arch:
		return fmt.Sprintf("locked for %s, found for %s", p.Arch, f.Arch)
	case p.Digest != f.Digest:
		return fmt.Sprintf("%s: locked %s, found %s", cmp.Or(f.File, f.Version), short(p.Digest), short(f.Digest))
	}
	return ""
}

func (f Definition) against(g Definition) string { return digests(f.Digest, g.Digest) }

// digests says that the two differ, "" if they don't.
func digests(locked, found string) string {
	if locked == found {
		return ""
	}
	return fmt.Sprintf("locked %s, found %s", short(locked), short(found))
}

// settings compares flags. One that is not there has no value.
func (d *differ) settings(locked, found []Setting) {
	values := func(list []Setting) map[string]string {
		all := make(map[string]string)
		for _, s := range list {
			all[s.Name] = strconv.Quote(s.Value)
		}
		return all
	}
	was, is := values(locked), values(found)
	for _, name := range differences(was, is) {
		d.value(name, was[name], is[name])
	}
}

func (f File) against(g File) string {
	switch {
	case f.Type != g.Type:
		return fmt.Sprintf("locked as %s, found %s", f.Type, g.Type)
	case f.Digest != g.Digest:
		return digests(f.Digest, g.Digest)
	case f.Link != g.Link:
		return fmt.Sprintf("locked as a link to %s, found one to %s", f.Link, g.Link)
	case f.Mode != g.Mode:
		return fmt.Sprintf("locked with mode %s, found %s", f.Mode, g.Mode)
	}
	return ""
}

func (i Image) against(j Image) string { return digests(i.ID, j.ID) }

func (f Fetched) against(g Fetched) string { return digests(f.Digest, g.Digest) }

// short returns "sha256:" and the first 12 digits.
func short(digest string) string {
	kind, hex, ok := strings.Cut(digest, ":")
	if !ok || len(hex) < 12 {
		return cmp.Or(digest, "none")
	}
	return kind + ":" + hex[:12]
}

// steps compares the steps one after another, up to the first that differs:
// those after it ran on other files.
func (d *differ) steps(l, found *Lock) {
	for i, s := range found.Steps {
		if i >= len(l.Steps) {
			d.add("step %q: not locked", s.Text)
			return
		}
		locked := l.Steps[i]
		switch {
		case locked.Text != s.Text:
			d.add("step %d: locked %q, found %q", i+1, locked.Text, s.Text)
			return
		case locked.Digest != s.Digest:
			d.result(l, found, i)
			return
		case locked.Key != s.Key && len(d.lines) == 0:
			d.add("step %q: it ran on other files, or with other settings, than are locked", s.Text)
			return
		}
	}
	if n := len(found.Steps); d.done && n < len(l.Steps) {
		d.add("step %q: locked, and no longer there", l.Steps[n].Text)
	}
}

// result says by paths how the results of a step differ.
func (d *differ) result(l, found *Lock, step int) {
	text := found.Steps[step].Text
	was, is := l.changesOf(step), found.changesOf(step)
	paths := differences(was, is)
	if len(was) == 0 || len(is) == 0 || len(paths) == 0 {
		d.add("step %q: its result is not the one that is locked: locked %s, found %s", text, short(l.Steps[step].Digest), short(found.Steps[step].Digest))
		return
	}
	for i, p := range paths {
		if i == maxPaths {
			d.add("step %q: and %d more", text, len(paths)-i)
			break
		}
		d.add("step %q: %s: locked %s, found %s", text, p, cmp.Or(was[p], "nothing"), cmp.Or(is[p], "nothing"))
	}
}

// changesOf returns what the step changed, by path.
func (l *Lock) changesOf(step int) map[string]string {
	all := make(map[string]string)
	for _, c := range l.Changes {
		if c.Step == step {
			all[c.Path] += c.Is // gone, and there again as something else
		}
	}
	return all
}
