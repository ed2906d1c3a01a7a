package disk

import (
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/fakecracker/fakecracker/internal/image"
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
// the same on i386 and amd64, with the disks' nodes beside them (diskNodes).
// Majors: sys/conf/majors, sys/arch/{i386,amd64}/conf/majors.*; minors, modes
// and groups: etc/MAKEDEV.tmpl. clockctl is missing on purpose: its major
// differs between the two.
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
}

// partitionsOf is how many minor numbers a disk has in a row: the DISKUNIT of
// sys/arch/{i386,amd64}/include/disklabel.h. i386 keeps to the 8 partitions
// that it once had, amd64 has 16.
var partitionsOf = map[string]uint32{"i386": 8, "amd64": 16}

// diskNodes are the nodes of the virtio disks: partition a, which is a bare
// file system, and d, which is the whole disk; and of the first wedge, which
// is a GPT's first partition.
func diskNodes(arch string) []node {
	nodes := []node{
		{"dk0", tree.Block, 168, 0, 0o640, operator},
		{"rdk0", tree.Char, 168, 0, 0o640, operator},
	}
	for unit := range uint32(2) {
		for _, part := range []struct {
			letter string
			number uint32
		}{{"a", 0}, {"d", 3}} {
			name := fmt.Sprintf("ld%d%s", unit, part.letter)
			minor := unit*partitionsOf[arch] + part.number
			nodes = append(nodes,
				node{name, tree.Block, 19, minor, 0o640, operator},
				node{"r" + name, tree.Char, 69, minor, 0o640, operator})
		}
	}
	return nodes
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

// nodesOf returns the standard device nodes and mount points of a guest.
func nodesOf(g image.Guest) []tree.Entry {
	nodes := linuxNodes
	if g.OS == "netbsd" {
		nodes = slices.Concat(netbsdNodes, diskNodes(g.Arch))
	}
	var all []tree.Entry
	for _, n := range nodes {
		all = append(all, tree.Entry{
			Path: path.Join("/dev", n.name), Type: n.typ, Mode: n.mode, GID: n.gid,
			Major: n.major, Minor: n.minor, ModTime: epoch, Why: "standard device node",
		})
	}
	for _, m := range mountPoints[g.OS] {
		all = append(all, tree.Entry{Path: m.path, Type: tree.Dir, Mode: m.mode, ModTime: epoch, Why: "mount point"})
	}
	return all
}

// addNodes adds the mount points and the standard device nodes that are
// missing: the agent needs those of the disks, whatever nodes a ship has.
func addNodes(t *tree.Tree, g image.Guest) error {
	for _, e := range nodesOf(g) {
		if blocked(t, e.Path) {
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
