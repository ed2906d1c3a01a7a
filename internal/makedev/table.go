package makedev

import (
	"embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed table/*.txt
var files embed.FS

// table is what the text files say about one machine.
type table struct {
	targets    []target
	majors     map[string]major
	unitMinors int // minors from a disk to the next
}

// major is a driver's numbers for char and block nodes, -1 for none.
type major struct{ char, block int }

// target is something that MAKEDEV can be asked for.
type target struct {
	name   string // with placeholders
	prefix string // what is before the first of them
	lines  []line
}

// line is a line below a target, which stands for itself with i from first to
// last.
type line struct {
	first, last int
	words       []string
}

// machine is one that has columns in majors.txt and a file of its own targets.
type machine struct {
	name       string
	unitMinors int // OLDMAXPARTITIONS, else MAXPARTITIONS of its disklabel.h
}

func (m machine) String() string { return m.name }

// machines are in the order of their columns.
func machines() []machine { return []machine{{"i386", 8}, {"amd64", 16}} }

// load reads the files for a machine.
func load(arch string) (*table, error) {
	column := slices.IndexFunc(machines(), func(m machine) bool { return m.name == arch })
	if column < 0 {
		return nil, fmt.Errorf("the device nodes of %q are not known; the machines are %v", arch, machines())
	}
	tab := &table{majors: make(map[string]major), unitMinors: machines()[column].unitMinors}
	for words := range readLines("majors.txt") {
		char, err1 := number(words[1+2*column])
		block, err2 := number(words[2+2*column])
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("majors.txt: %q", words)
		}
		tab.majors[words[0]] = major{char, block}
	}
	for _, name := range []string{arch + ".txt", "devices.txt"} {
		if err := tab.read(name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return tab, nil
}

func number(s string) (int, error) {
	if s == "-" {
		return -1, nil
	}
	return strconv.Atoi(s)
}

// readLines returns the words of each line, with the number of the blanks in
// front, without remarks and empty lines.
func readLines(name string) func(yield func(words []string, indented bool) bool) {
	return func(yield func([]string, bool) bool) {
		b, _ := files.ReadFile("table/" + name) // it is in the program
		for l := range strings.Lines(string(b)) {
			words := strings.Fields(l)
			if len(words) > 0 && l[0] != ';' && !yield(words, l[0] == '\t') {
				return
			}
		}
	}
}

// placeholder is that of a number in the name of a target.
var placeholder = regexp.MustCompile(`\{([nm])(:1)?\}`)

// read adds the targets of a file.
func (tab *table) read(name string) error {
	for words, indented := range readLines(name) {
		if indented {
			l := line{words: words}
			if r, ok := strings.CutPrefix(words[0], "i="); ok {
				if _, err := fmt.Sscanf(r, "%d..%d", &l.first, &l.last); err != nil {
					return fmt.Errorf("%q: %w", words, err)
				}
				l.words = words[1:]
			}
			t := &tab.targets[len(tab.targets)-1]
			t.lines = append(t.lines, l)
			continue
		}
		t := target{name: words[0]}
		t.prefix, _, _ = strings.Cut(t.name, "{")
		tab.targets = append(tab.targets, t)
	}
	return nil
}

// find returns the target that name is, and the numbers in it.
func (tab *table) find(name string) (target, map[byte]int, bool) {
	for _, t := range tab.targets {
		if t.name == name {
			return t, nil, true
		}
	}
	for _, t := range tab.targets {
		if vars, ok := t.match(name); ok {
			return t, vars, true
		}
	}
	return target{}, nil, false
}

// match returns the numbers that name has where t has placeholders.
func (t target) match(name string) (map[byte]int, bool) {
	if t.prefix == t.name || !strings.HasPrefix(name, t.prefix) {
		return nil, false
	}
	digits := strings.NewReplacer("{n}", `(\d{1,6})`, "{m}", `(\d{1,6})`, "{n:1}", `(\d)`, "{m:1}", `(\d)`)
	m := regexp.MustCompile("^" + digits.Replace(t.name) + "$").FindStringSubmatch(name)
	if m == nil {
		return nil, false
	}
	vars := make(map[byte]int)
	for i, letter := range placeholder.FindAllStringSubmatch(t.name, -1) {
		vars[letter[1][0]], _ = strconv.Atoi(m[i+1]) // at most six digits
	}
	return vars, true
}

// withI returns the numbers with i among them.
func withI(vars map[byte]int, i int) map[byte]int {
	all := map[byte]int{'i': i}
	maps.Copy(all, vars)
	return all
}
