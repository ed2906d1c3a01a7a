package disk

import (
	"path"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// A node is a device of /dev.
type node struct {
	name         string
	typ          tree.Type
	major, minor uint32
	mode         uint32
	gid          uint32
}

// epoch is the time of what no source gave one.
var epoch = time.Unix(0, 0).UTC()

// NetBSD's groups that own devices (etc/group).
const (
	wheel    = 0
	kmem     = 2
	tty      = 4
	operator = 5
)

// netbsdNodes are what a NetBSD guest needs when its files bring no /dev:
// the same on i386 and amd64. Majors: sys/conf/majors,
// sys/arch/{i386,amd64}/conf/majors.*; minors, modes and groups:
// etc/MAKEDEV.tmpl. clockctl is missing on purpose: its major differs between
// the two.
var netbsdNodes = []node{
	{"console", tree.Char, 0, 0, 0o600, wheel},
	{"constty", tree.Char, 0, 1, 0o600, wheel},
	{"tty", tree.Char, 1, 0, 0o666, wheel},
	{"mem", tree.Char, 2, 0, 0o640, kmem},
	{"kmem", tree.Char, 2, 1, 0o640, kmem},
	{"null", tree.Char, 2, 2, 0o666, wheel},
	{"zero", tree.Char, 2, 12, 0o666, wheel},
	{"klog", tree.Char, 7, 0, 0o600, wheel},
	{"tty00", tree.Char, 8, 0, 0o600, wheel},
	{"stdin", tree.Char, 22, 0, 0o666, wheel},
	{"stdout", tree.Char, 22, 1, 0o666, wheel},
	{"stderr", tree.Char, 22, 2, 0o666, wheel},
	{"random", tree.Char, 46, 0, 0o444, wheel},
	{"urandom", tree.Char, 46, 1, 0o644, wheel},
	{"ptmx", tree.Char, 165, 0, 0o666, wheel},
	{"ptm", tree.Char, 165, 1, 0o666, wheel},
	{"ld0a", tree.Block, 19, 0, 0o640, operator},
	{"rld0a", tree.Char, 69, 0, 0o640, operator},
	{"ld0d", tree.Block, 19, 3, 0o640, operator},
	{"rld0d", tree.Char, 69, 3, 0o640, operator},
	{"ld1a", tree.Block, 19, 8, 0o640, operator},
	{"rld1a", tree.Char, 69, 8, 0o640, operator},
	{"ld1d", tree.Block, 19, 11, 0o640, operator},
	{"rld1d", tree.Char, 69, 11, 0o640, operator},
}

// linuxNodes are what a Linux program 1 has before it mounts devtmpfs
// (Documentation/admin-guide/devices.txt).
var linuxNodes = []node{
	{"console", tree.Char, 5, 1, 0o600, 0},
	{"null", tree.Char, 1, 3, 0o666, 0},
}

// A mountPoint is an empty folder that the guest mounts something on.
type mountPoint struct {
	path string
	mode uint32
}

var mountPoints = map[string][]mountPoint{
	"netbsd": {{"/dev/pts", 0o755}, {"/kern", 0o755}, {"/proc", 0o755}, {"/tmp", 0o1777}},
	"linux":  {{"/dev", 0o755}, {"/proc", 0o555}, {"/run", 0o755}, {"/sys", 0o555}, {"/tmp", 0o1777}},
}

// nodesOf returns the standard device nodes and mount points of a system.
func nodesOf(os string) []tree.Entry {
	var all []tree.Entry
	for _, n := range map[string][]node{"netbsd": netbsdNodes, "linux": linuxNodes}[os] {
		all = append(all, tree.Entry{
			Path: path.Join("/dev", n.name), Type: n.typ, Mode: n.mode, GID: n.gid,
			Major: n.major, Minor: n.minor, ModTime: epoch, Why: "standard device node",
		})
	}
	for _, m := range mountPoints[os] {
		all = append(all, tree.Entry{Path: m.path, Type: tree.Dir, Mode: m.mode, ModTime: epoch, Why: "mount point"})
	}
	return all
}

// addNodes adds the mount points that are missing, and the standard device
// nodes where the tree has nothing in /dev: a ship that brings nodes of its
// own knows what it wants.
func addNodes(t *tree.Tree, os string) error {
	own := hasNodes(t)
	for _, e := range nodesOf(os) {
		if own && e.Type != tree.Dir || blocked(t, e.Path) {
			continue
		}
		if err := t.Put(e); err != nil {
			return err
		}
	}
	return nil
}

// blocked says that p is in the tree, or lies below something that is no
// folder: /tmp may well be a link to /var/tmp.
func blocked(t *tree.Tree, p string) bool {
	if _, ok := t.Get(p); ok {
		return true
	}
	up, ok := t.Get(path.Dir(p))
	return ok && up.Type != tree.Dir
}

func hasNodes(t *tree.Tree) bool {
	if e, ok := t.Get("/dev"); ok && e.Type != tree.Dir {
		return true
	}
	for _, e := range t.All() {
		if strings.HasPrefix(e.Path, "/dev/") && e.Type != tree.Dir {
			return true
		}
	}
	return false
}
