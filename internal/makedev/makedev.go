// Package makedev knows the device nodes that MAKEDEV(8) of NetBSD makes, so
// that they get into a tree without NetBSD. What it makes of which target, and
// with which numbers, is in the text files of the folder table; another
// machine is a column of majors.txt and a file of its own targets.
package makedev

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/spelling"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// A Node is a device node, or a folder or link among them.
type Node struct {
	Name         string    // below /dev, such as "ld0a" or "fd/0"
	Type         tree.Type // Char, Block, Dir or Symlink
	Major, Minor uint32    // of a Char or Block
	Mode         uint32    // permission bits
	UID, GID     uint32    // as NetBSD's etc/master.passwd and etc/group number them
	Link         string    // target of a Symlink
}

// Nodes returns what MAKEDEV makes on a machine ("i386" or "amd64") of these
// targets, sorted by name: "all", "all_md", "std", "init", or the name of one
// device such as "ld0", "ptm" or "ttyVI00". A target that MAKEDEV wouldn't
// know, and would warn of, is an error that wraps ErrUnknown.
func Nodes(arch string, targets []string) ([]Node, error) {
	tab, err := load(arch)
	if err != nil {
		return nil, fmt.Errorf("make device nodes: %w", err)
	}
	made := make(map[string]Node)
	for _, name := range targets {
		err := tab.target(name, made)
		if errors.Is(err, ErrUnknown) {
			err = unknownError{fmt.Sprintf("MAKEDEV(8) on %s has no %q%s", arch, name, tab.suggest(name))}
		}
		if err != nil {
			return nil, fmt.Errorf("make device nodes: %w", err)
		}
	}
	return slices.SortedFunc(maps.Values(made), func(a, b Node) int { return cmp.Compare(a.Name, b.Name) }), nil
}

// An unknownError is an ErrUnknown that says more.
type unknownError struct{ text string }

func (e unknownError) Error() string { return e.text }

func (e unknownError) Is(target error) bool { return target == ErrUnknown }

// suggest names the target that was meant, if one is alike.
func (tab *table) suggest(name string) string {
	unit := name[len(strings.TrimRight(name, "0123456789")):]
	var known []string
	for _, t := range tab.targets {
		known = append(known, placeholder.ReplaceAllString(t.name, cmp.Or(unit, "0")))
	}
	if n := spelling.Nearest(name, known); n != "" {
		return fmt.Sprintf("; did you mean %q?", n)
	}
	return ""
}

// Add puts the nodes of targets into /dev of t, with the time t0 and the
// reason why. They replace nodes that are there; folders that are there stay.
func Add(t *tree.Tree, arch string, targets []string, t0 time.Time, why string) error {
	nodes, err := Nodes(arch, targets)
	if err != nil {
		return err
	}
	dev, err := t.Resolve("/dev")
	if err != nil {
		return fmt.Errorf("add device nodes: %w", err)
	}
	nodes = slices.Insert(nodes, 0, Node{Type: tree.Dir, Mode: 0o755})
	for _, n := range nodes {
		e := tree.Entry{
			Path: path.Join(dev, n.Name), Type: n.Type, Mode: n.Mode, UID: n.UID, GID: n.GID, ModTime: t0,
			Link: n.Link, Major: n.Major, Minor: n.Minor, Why: why,
		}
		if old, ok := t.Get(e.Path); ok && old.Type == tree.Dir && n.Type == tree.Dir {
			continue
		}
		if err := t.Put(e); err != nil {
			return fmt.Errorf("add device nodes: %w", err)
		}
	}
	return nil
}
