package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrNoTree is wrapped where a folder holds no NetBSD source tree.
var ErrNoTree = errors.New("not a NetBSD source tree")

// Limits on a source tree's configuration files: NetBSD's own are 450 files
// of up to 60 kB, included up to 6 deep.
const (
	maxIncludes    = 16
	maxConfigFiles = 4096
	maxConfigFile  = 4 << 20 // bytes
)

// declarations is what the files.* and std.* files of a source tree declare
// for one machine (config(5)).
type declarations struct {
	sys string // folder of the kernel's sources

	options map[string]bool     // defflag, defparam, defopt
	fs      map[string]bool     // deffs
	pseudo  map[string]bool     // defpseudo, defpseudodev
	attrs   map[string][]string // device or attribute to the attributes it has
	attach  map[string][]string // device to what it attaches at

	std configFacts // what std.* turns on already

	machine  []string // words of the "machine" statement
	read     map[string]bool
	prefixes []string
}

// readDeclarations reads the files that config(1) would for arch: std.ARCH,
// conf/files and, for each word of its machine statement, that one's.
func readDeclarations(src, arch string) (*declarations, error) {
	d := &declarations{
		sys:     filepath.Join(src, "sys"),
		options: map[string]bool{}, fs: map[string]bool{}, pseudo: map[string]bool{},
		attrs: map[string][]string{}, attach: map[string][]string{}, read: map[string]bool{},
		std: configFacts{options: map[string]string{}},
	}
	std := "arch/" + arch + "/conf/std." + arch
	if !d.exists("conf/files") || !d.exists(std) {
		return nil, fmt.Errorf("%s: %w: sys/conf/files or sys/%s is missing", src, ErrNoTree, std)
	}
	if err := d.include(std, 0); err != nil {
		return nil, err
	}
	if err := d.include("conf/files", 0); err != nil {
		return nil, err
	}
	for _, m := range append([]string{arch}, d.machine...) {
		// Not each word has a file: "x86 xen" of i386 have.
		if f := "arch/" + m + "/conf/files." + m; d.exists(f) {
			if err := d.include(f, 0); err != nil {
				return nil, err
			}
		}
	}
	return d, nil
}

func (d *declarations) exists(name string) bool {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return false
	}
	fi, err := os.Stat(filepath.Join(d.sys, filepath.FromSlash(name)))
	return err == nil && fi.Mode().IsRegular()
}

// include reads one file and those it includes.
func (d *declarations) include(name string, depth int) error {
	if n := len(d.prefixes); !d.exists(name) && n > 0 {
		name = d.prefixes[n-1] + "/" + name
	}
	if d.read[name] {
		return nil
	}
	if depth > maxIncludes || len(d.read) > maxConfigFiles {
		return fmt.Errorf("sys/%s: too many included files", name)
	}
	d.read[name] = true
	b, err := d.file(name)
	if err != nil {
		return err
	}
	for _, line := range logicalLines(string(b)) {
		if err := d.statement(line, depth); err != nil {
			return err
		}
	}
	return nil
}

// file reads a file of the tree. One that is not there is empty: cut-down
// trees lack the files of drivers, and what those declare is then left out.
func (d *declarations) file(name string) ([]byte, error) {
	if !d.exists(name) {
		return nil, nil
	}
	path := filepath.Join(d.sys, filepath.FromSlash(name))
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if fi.Size() > maxConfigFile {
		return nil, fmt.Errorf("%s: %d bytes are too many for a configuration file", path, fi.Size())
	}
	return os.ReadFile(path)
}

// logicalLines takes comments away and joins lines that start with a blank to
// the one before.
func logicalLines(s string) []string {
	var lines []string
	for line := range strings.Lines(s) {
		bare := strings.TrimRight(stripComment(line), " \t\r\n")
		if bare == "" {
			continue
		}
		if (bare[0] == ' ' || bare[0] == '\t') && len(lines) > 0 {
			lines[len(lines)-1] += " " + strings.TrimSpace(bare)
			continue
		}
		lines = append(lines, strings.TrimSpace(bare))
	}
	return lines
}

func (d *declarations) statement(line string, depth int) error {
	words := strings.Fields(line)
	if len(words) == 0 || words[0] == "obsolete" {
		return nil
	}
	rest := strings.TrimSpace(strings.TrimPrefix(line, words[0]))
	switch words[0] {
	case "include", "cinclude":
		return d.include(strings.Trim(rest, `"`), depth+1)
	case "prefix":
		d.prefix(strings.Trim(rest, `"`))
	case "machine":
		d.machine = append(d.machine, words[1:]...)
	case "defflag", "defparam", "defopt":
		d.names(d.options, rest)
	case "deffs":
		d.names(d.fs, rest)
	case "defpseudo", "defpseudodev":
		name, _ := nameAndAttrs(rest)
		d.pseudo[name] = true
	case "define", "device":
		name, attrs := nameAndAttrs(rest)
		d.attrs[name] = append(d.attrs[name], attrs...)
	case "attach":
		d.attachment(rest)
	default:
		d.std.statement(words)
	}
	return nil
}

// prefix starts a part of the tree with its own root; an empty one ends it.
func (d *declarations) prefix(p string) {
	switch n := len(d.prefixes); {
	case p != "":
		d.prefixes = append(d.prefixes, p)
	case n > 0:
		d.prefixes = d.prefixes[:n-1]
	}
}

// names reads "[opt_file.h] A B=default C [: dependencies]".
func (d *declarations) names(to map[string]bool, rest string) {
	list, _, _ := strings.Cut(rest, ":")
	for _, w := range splitList(strings.ReplaceAll(list, "\t", " ")) {
		name, _, _ := strings.Cut(w, "=")
		if !strings.HasSuffix(name, ".h") {
			to[name] = true
		}
	}
}

// nameAndAttrs reads "name [{locators}] [: attribute, …]". Braces make the
// name an interface attribute of its own.
func nameAndAttrs(rest string) (string, []string) {
	rest = dropLocators(rest)
	name, list, _ := strings.Cut(rest, ":")
	return strings.TrimSpace(name), splitList(strings.ReplaceAll(list, "\t", " "))
}

func dropLocators(s string) string {
	for {
		before, inside, opened := strings.Cut(s, "{")
		_, after, closed := strings.Cut(inside, "}")
		if !opened || !closed {
			return s
		}
		s = before + " " + after
	}
}

// attachment reads "name at place, … [with name] [: attributes]".
func (d *declarations) attachment(rest string) {
	rest, _, _ = strings.Cut(rest, ":")
	rest, _, _ = strings.Cut(strings.Join(strings.Fields(rest), " ")+" ", " with ")
	dev, places, ok := strings.Cut(rest, " at ")
	if ok {
		d.attach[strings.TrimSpace(dev)] = append(d.attach[strings.TrimSpace(dev)], splitList(places)...)
	}
}

// attaches reports whether a device can be at parent: a device with an
// attribute that the device attaches at, or that attribute itself.
func (d *declarations) attaches(dev, parent string) bool {
	return slices.ContainsFunc(d.attach[dev], func(place string) bool {
		return d.has(parent, place, map[string]bool{})
	})
}

// has reports whether a device or attribute is or has the attribute. Those in
// seen were looked at: attributes may name each other in a circle.
func (d *declarations) has(name, attr string, seen map[string]bool) bool {
	if name == attr {
		return true
	}
	if seen[name] {
		return false
	}
	seen[name] = true
	return slices.ContainsFunc(d.attrs[name], func(a string) bool { return d.has(a, attr, seen) })
}
