package netbsd

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// endings of sets' archives, the ones that a mirror has first where it has
// several.
var endings = []string{".tar.xz", ".tgz", ".tar.gz", ".tar.zst", ".tar.bz2", ".txz", ".tar"}

// wanted is a set's name as somebody wrote it, in parts.
type wanted struct {
	text    string // as written
	name    string // "base", or a path of the host
	ending  string // as written, or ""
	local   bool
	members []string // absolute patterns; none: all of it
}

// parseNames reads names of sets, and reports whether one is not a file of the
// host.
func parseNames(names []string) (wants []wanted, remote bool, err error) {
	if len(names) == 0 {
		return nil, false, errors.New("no set is named")
	}
	for _, text := range names {
		w, err := parseName(text)
		if err != nil {
			return nil, false, err
		}
		remote = remote || !w.local
		wants = append(wants, w)
	}
	return wants, remote, nil
}

func parseName(text string) (wanted, error) {
	w := wanted{text: text}
	name, member, has := cutMember(text)
	if has {
		m := path.Clean("/" + member)
		if _, err := path.Match(m, ""); err != nil || member == "" {
			return w, fmt.Errorf("set %q: %q is no file or pattern of a set", text, member)
		}
		w.members = []string{m}
	}
	w.name, w.ending = cutEnding(name)
	w.local = strings.Contains(name, "/")
	switch {
	case w.local:
		w.name, w.ending = name, ""
	case w.name == "" || strings.HasPrefix(w.name, "."):
		return w, fmt.Errorf("%q is no name of a set: base, base.tar.xz, comp:/usr/bin/strip or ./base.tgz is", text)
	}
	return w, nil
}

// cutMember splits a name from the member that is wanted of it. A path of the
// host may have a colon in it: the last one counts there.
func cutMember(text string) (name, member string, has bool) {
	if name, member, has = strings.Cut(text, ":"); !strings.Contains(name, "/") {
		return name, member, has
	}
	for _, ending := range endings {
		if i := strings.LastIndex(text, ending+":"); i >= 0 {
			i += len(ending)
			return text[:i], text[i+1:], true
		}
	}
	return text, "", false
}

// cutEnding takes the ending of an archive's name off.
func cutEnding(file string) (name, ending string) {
	i := slices.IndexFunc(endings, func(e string) bool { return strings.HasSuffix(file, e) })
	if i < 0 {
		return file, ""
	}
	return strings.TrimSuffix(file, endings[i]), endings[i]
}

// matches reports whether the path p is one that the patterns name, or below
// one. No patterns name all paths.
func matches(patterns []string, p string) bool {
	if len(patterns) == 0 {
		return true
	}
	for ; p != "/"; p = path.Dir(p) {
		for _, m := range patterns {
			if ok, err := path.Match(m, p); ok && err == nil {
				return true
			}
		}
	}
	return slices.Contains(patterns, "/")
}
