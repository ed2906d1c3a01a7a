package tree

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// A Problem is something that a file of a tree needs and the tree lacks.
type Problem struct {
	Path  string // the file that needs it
	Needs string // what: a library's name, or a path
	Why   string // Entry.Why of the file
	Found string // where the tree has it all the same, out of the loader's reach; empty: nowhere
}

// String says it in a line.
func (p Problem) String() string {
	s := fmt.Sprintf("%s needs %s, which is not in the tree", p.Path, p.Needs)
	if p.Found != "" {
		s = fmt.Sprintf("%s needs %s, which is at %s, where the loader doesn't look", p.Path, p.Needs, p.Found)
	}
	if p.Why != "" {
		s += " (" + p.Why + ")"
	}
	return s
}

// Missing looks at every ELF program and library of the tree, as a loader
// would, and returns those interpreters and libraries that it would not find.
// Libraries are looked for below DT_RPATH or DT_RUNPATH ($ORIGIN included),
// then in the folders that the loader of the file's own system has built in;
// /etc/ld.so.conf has no effect without a cache made by ldconfig(8), and
// LD_LIBRARY_PATH is not known here.
func (t *Tree) Missing(ctx context.Context) ([]Problem, error) {
	c := closure{t: t, byName: make(map[string]string), private: make(map[string]bool)}
	for p, e := range t.entries {
		if isLibrary(p) && e.Type != Dir {
			if old, ok := c.byName[path.Base(p)]; !ok || p < old {
				c.byName[path.Base(p)] = p
			}
		}
	}
	for _, p := range t.paths() {
		e := t.entries[p]
		if e.Type != File || (e.Mode&0o111 == 0 && !isLibrary(p)) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := c.check(e); err != nil {
			return nil, fmt.Errorf("look for what %s needs: %w", p, err)
		}
	}
	// A library that something else loads from a folder of its own is found
	// by its name: it is in memory by then.
	return slices.DeleteFunc(c.problems, func(p Problem) bool { return c.private[path.Dir(p.Found)] }), nil
}

// isLibrary reports whether p is named as a shared library is.
func isLibrary(p string) bool {
	base := path.Base(p)
	return strings.HasSuffix(base, ".so") || strings.Contains(base, ".so.")
}

type closure struct {
	t        *Tree
	byName   map[string]string // base name of a library to its first path
	private  map[string]bool   // folders that some DT_RPATH or DT_RUNPATH names
	problems []Problem
}

func (c *closure) check(e Entry) error {
	f, err := e.ELF()
	if errors.Is(err, ErrNotELF) {
		return nil
	}
	if err != nil {
		return err
	}
	if f.Interp != "" && !c.has(f.Interp) {
		c.problems = append(c.problems, Problem{Path: e.Path, Needs: f.Interp, Why: e.Why})
	}
	for _, lib := range f.Needed {
		if !c.finds(e.Path, f, lib) {
			c.problems = append(c.problems, Problem{Path: e.Path, Needs: lib, Why: e.Why, Found: c.byName[lib]})
		}
	}
	return nil
}

// ELF reads a File of the tree as ReadELF does.
func (e Entry) ELF() (ELF, error) {
	r, err := e.Open()
	if err != nil {
		return ELF{}, err
	}
	f, err := ReadELF(r)
	return f, errors.Join(err, r.Close())
}

func (c *closure) finds(from string, f ELF, lib string) bool {
	if strings.Contains(lib, "/") {
		return c.has(lib)
	}
	for _, dir := range ownDirs(from, f) {
		c.private[dir] = true
	}
	for _, dir := range searchDirs(from, f) {
		if c.has(path.Join(dir, lib)) {
			return true
		}
	}
	return false
}

func (c *closure) has(p string) bool {
	e, err := c.t.Lookup(p)
	return err == nil && e.Type == File
}

// loaderDirs are the folders built into the loader of f's system: ld.elf_so(1)
// for NetBSD; for Linux those of Debian's ld.so(8), which has the multiarch ones,
// and of others', which have lib64.
func loaderDirs(f ELF) []string {
	if f.OS == "netbsd" {
		return []string{"/lib", "/usr/lib"}
	}
	multi := map[string]string{"amd64": "x86_64-linux-gnu", "i386": "i386-linux-gnu"}[f.Arch]
	if multi == "" {
		return []string{"/lib", "/usr/lib"}
	}
	return []string{"/lib/" + multi, "/usr/lib/" + multi, "/lib", "/usr/lib", "/lib64", "/usr/lib64"}
}

// ownDirs are the folders that DT_RPATH and DT_RUNPATH of the file at from
// name.
func ownDirs(from string, f ELF) []string {
	origin := strings.NewReplacer("$ORIGIN", path.Dir(from), "${ORIGIN}", path.Dir(from))
	var dirs []string
	for _, dir := range slices.Concat(f.RPath, f.RunPath) {
		dirs = append(dirs, path.Clean(origin.Replace(dir)))
	}
	return dirs
}

// searchDirs are the folders that a loader looks for libraries in.
func searchDirs(from string, f ELF) []string {
	return append(ownDirs(from, f), loaderDirs(f)...)
}
