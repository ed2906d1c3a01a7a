package makedev

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// ErrUnknown says that a target doesn't exist on the machine.
var ErrUnknown = errors.New("unknown device")

// The numbers of the users and groups that nodes belong to, in NetBSD's
// etc/master.passwd and etc/group.
var owners = map[string]uint32{
	"root": 0, "uucp": 66,
	"wheel": 0, "kmem": 2, "operator": 5, "ntpd": 15, "_gpio": 29, "nvmm": 34,
}

const (
	partitions = 16
	// Where disks had 8 partitions once, the minors of those that came later
	// are behind all that there were.
	laterMinors  = 524288
	rawPartition = 3         // d, the whole disk
	maxMinor     = 1<<20 - 1 // sys/types.h: a minor has 20 bits
)

// target adds what a target makes to made.
func (tab *table) target(name string, made map[string]Node) error {
	t, vars, ok := tab.find(name)
	if !ok || !tab.available(t) {
		return ErrUnknown
	}
	for _, l := range t.lines {
		for i := l.first; i <= l.last; i++ {
			if err := tab.line(l.words, withI(vars, i), made); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// available reports whether the machine has all drivers of a target.
func (tab *table) available(t target) bool {
	for _, l := range t.lines {
		switch w := l.words; w[0] {
		case "make", "dir", "link", "pty":
		case "disk", "cdrom":
			if m, ok := tab.majors[w[1]]; !ok || m.char < 0 || m.block < 0 {
				return false
			}
		default:
			if m, ok := tab.majors[w[2]]; !ok || w[1] == "c" && m.char < 0 || w[1] == "b" && m.block < 0 {
				return false
			}
		}
	}
	return true
}

// line adds what a line makes.
func (tab *table) line(w []string, vars map[byte]int, made map[string]Node) error {
	switch w[0] {
	case "make":
		for _, name := range w[1:] {
			// What a group names and the machine lacks is left out.
			if err := tab.target(expand(name, vars), made); err != nil && !errors.Is(err, ErrUnknown) {
				return err
			}
		}
		return nil
	case "dir":
		return put(made, Node{Name: expand(w[1], vars), Type: tree.Dir, Mode: octal(w[2])})
	case "link":
		return put(made, Node{Name: w[1], Type: tree.Symlink, Mode: 0o777, Link: w[2]})
	case "disk":
		return tab.disk(w[1], vars['n'], partitions, made)
	case "cdrom":
		return tab.disk(w[1], vars['n'], 1, made)
	case "pty":
		return tab.pty(vars['n'], made)
	}
	return tab.node(w, vars, made)
}

// node adds the node of a line that says all about it.
func (tab *table) node(w []string, vars map[byte]int, made map[string]Node) error {
	w = append(w[:len(w):len(w)], []string{"600", "wheel", "root"}[len(w)-4:]...)
	n := Node{
		Name: expand(w[0], vars), Type: tree.Char, Major: uint32(tab.majors[w[2]].char), Minor: uint32(sum(w[3], vars)),
		Mode: octal(w[4]), GID: owners[w[5]], UID: owners[w[6]],
	}
	if w[1] == "b" {
		n.Type, n.Major = tree.Block, uint32(tab.majors[w[2]].block)
	}
	return put(made, n)
}

// disk adds the nodes of a disk: that of the whole, those of the first so many
// partitions, and that of the raw partition.
func (tab *table) disk(name string, unit, parts int, made map[string]Node) error {
	nodes := map[string]int{"": rawPartition, string(rune('a' + rawPartition)): rawPartition}
	for p := range parts {
		nodes[string(rune('a'+p))] = p
	}
	m := tab.majors[name]
	for letter, p := range nodes {
		minor := unit*tab.unitMinors + p
		if p >= tab.unitMinors {
			minor += laterMinors - tab.unitMinors
		}
		n := Node{
			Name: fmt.Sprint(name, unit, letter), Type: tree.Block, Major: uint32(m.block), Minor: uint32(minor),
			Mode: 0o640, GID: owners["operator"],
		}
		raw := n
		raw.Name, raw.Type, raw.Major = "r"+n.Name, tree.Char, uint32(m.char)
		if err := errors.Join(put(made, n), put(made, raw)); err != nil {
			return err
		}
	}
	return nil
}

// pty adds 16 pairs of a terminal and what controls it. Those of the first 16
// targets are named by a letter each and a digit, those of the others by the
// letters that no such digit has.
func (tab *table) pty(unit int, made map[string]Node) error {
	const first = "pqrstuvwxyzPQRST"
	second, from, minor := "0123456789abcdef", 0, unit*16
	series := unit
	if unit >= 16 {
		second = "ghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		start := (unit - 16) * 16
		series = start / len(second)
		from = start % (len(second) - 2*series)
		minor = 256 + start - 2*series
	}
	if unit > 63 || series >= len(first) {
		return errors.New("there are pty0 to pty61")
	}
	if first[series] == 'v' {
		return errors.New("its names would be those of the console's terminals, ttyv0 and so on")
	}
	for i := from; i < min(from+16, len(second)); i++ {
		name := string([]byte{'t', 't', 'y', first[series], second[i]})
		tty := Node{Name: name, Type: tree.Char, Major: uint32(tab.majors["pts"].char), Minor: uint32(minor + i - from), Mode: 0o666}
		control := tty
		control.Name, control.Major = "p"+name[1:], uint32(tab.majors["ptc"].char)
		if err := errors.Join(put(made, tty), put(made, control)); err != nil {
			return err
		}
	}
	return nil
}

// put adds n, in the place of one that has its name.
func put(made map[string]Node, n Node) error {
	if n.Minor > maxMinor {
		return fmt.Errorf("the minor number of %s would be %d, more than %d", n.Name, n.Minor, maxMinor)
	}
	made[n.Name] = n
	return nil
}

// inName is a sum in a name, with the number of digits that it is padded to.
var inName = regexp.MustCompile(`\{([^:}]*)(?::(\d))?\}`)

// expand returns a name with its sums worked out.
func expand(name string, vars map[byte]int) string {
	return inName.ReplaceAllStringFunc(name, func(s string) string {
		m := inName.FindStringSubmatch(s)
		width, _ := strconv.Atoi(m[2]) // a digit, or nothing
		return fmt.Sprintf("%0*d", width, sum(m[1], vars))
	})
}

// sum works out "16n+i+4".
func sum(s string, vars map[byte]int) int {
	total := 0
	for term := range strings.SplitSeq(s, "+") {
		digits := strings.TrimRight(term, "nmi")
		n, err := strconv.Atoi(digits)
		if err != nil {
			n = 1
		}
		if len(digits) < len(term) {
			n *= vars[term[len(term)-1]]
		}
		total += n
	}
	return total
}

// octal reads a mode of the table.
func octal(s string) uint32 {
	n, _ := strconv.ParseUint(s, 8, 32) // TestTable reads them all
	return uint32(n)
}
