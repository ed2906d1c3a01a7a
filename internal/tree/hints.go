package tree

import (
	"path"
	"strings"
)

// A Hint is a file that is loaded by name while a program runs, which no ELF
// header tells.
type Hint struct {
	Path string // of the file, perhaps a pattern (path.Match)
	By   string // the configuration file that names it
}

// maxHintFile bounds the configuration files that are looked at, in bytes.
const maxHintFile = 1 << 20

// Hints returns the files that configuration files of the tree name: modules
// of PAM (pam.conf(5)), of the name service switch (nsswitch.conf(5)), of
// nginx (load_module) and of Apache (LoadModule). They need not be there.
func (t *Tree) Hints() []Hint {
	var all []Hint
	for _, e := range t.Below("/etc/pam.d") {
		all = append(all, t.hintsOf(e, pamModules)...)
	}
	if e, err := t.Lookup("/etc/nsswitch.conf"); err == nil {
		all = append(all, t.hintsOf(e, nssModules)...)
	}
	for _, dir := range []string{"/etc/nginx", "/usr/pkg/etc/nginx"} {
		for _, e := range t.Below(dir) {
			all = append(all, t.hintsOf(e, nginxModules)...)
		}
	}
	for _, dir := range []string{"/etc/apache2", "/usr/pkg/etc/httpd"} {
		for _, e := range t.Below(dir) {
			all = append(all, t.hintsOf(e, apacheModules)...)
		}
	}
	return all
}

// hintsOf returns what the lines of the file name, by find.
func (t *Tree) hintsOf(e Entry, find func(words []string) []string) []Hint {
	if e.Type != File {
		return nil
	}
	text, err := t.ReadFile(e.Path, maxHintFile)
	if err != nil {
		return nil // who is to read it will say so
	}
	var all []Hint
	for line := range strings.SplitSeq(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		for _, p := range find(strings.Fields(line)) {
			all = append(all, Hint{Path: p, By: e.Path})
		}
	}
	return all
}

// pamModules are the third words of lines such as "auth required pam_unix.so".
func pamModules(words []string) []string {
	for _, w := range words[min(2, len(words)):] {
		if !strings.Contains(w, ".so") {
			continue // of [success=1 default=ignore]
		}
		if path.IsAbs(w) {
			return []string{w + "*"}
		}
		return []string{"/usr/lib/security/" + w + "*", "/lib/*/security/" + w, "/usr/lib/*/security/" + w}
	}
	return nil
}

// nssModules are the sources of lines such as "hosts: files dns winbind".
func nssModules(words []string) []string {
	if len(words) < 2 || !strings.HasSuffix(words[0], ":") {
		return nil
	}
	var all []string
	for _, w := range words[1:] {
		if strings.Trim(w, "abcdefghijklmnopqrstuvwxyz0123456789_") == "" {
			all = append(all, "/usr/lib/nss_"+w+".so.*", "/lib/*/libnss_"+w+".so.*", "/usr/lib/*/libnss_"+w+".so.*")
		}
	}
	return all
}

// nginxModules are those of lines such as "load_module modules/x.so;", where a
// relative one is below the prefix that nginx was built with.
func nginxModules(words []string) []string {
	if len(words) < 2 || words[0] != "load_module" {
		return nil
	}
	p := strings.Trim(strings.TrimSuffix(words[1], ";"), `"'`)
	if path.IsAbs(p) {
		return []string{p}
	}
	return []string{path.Join("/usr/pkg", p), path.Join("/usr/pkg/lib/nginx", p), path.Join("/usr/share/nginx", p), path.Join("/usr/lib/nginx", p)}
}

// apacheModules are those of lines such as "LoadModule x_module lib/httpd/x.so".
func apacheModules(words []string) []string {
	if len(words) < 3 || !strings.EqualFold(words[0], "LoadModule") {
		return nil
	}
	p := strings.Trim(words[2], `"'`)
	if path.IsAbs(p) {
		return []string{p}
	}
	return []string{path.Join("/usr/pkg", p), path.Join("/usr/lib/apache2", p)}
}
