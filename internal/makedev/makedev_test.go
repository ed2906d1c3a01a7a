package makedev

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/tree"
)

var update = flag.Bool("update", false, "write the golden files anew")

// describe returns a line about n.
func describe(n Node) string {
	switch n.Type {
	case tree.Dir:
		return fmt.Sprintf("%s dir %o", n.Name, n.Mode)
	case tree.Symlink:
		return fmt.Sprintf("%s -> %s", n.Name, n.Link)
	}
	return fmt.Sprintf("%s %c %d,%d %o %d:%d", n.Name, n.Type[0], n.Major, n.Minor, n.Mode, n.UID, n.GID)
}

func described(t *testing.T, arch string, targets ...string) []string {
	t.Helper()
	nodes, err := Nodes(arch, targets)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, n := range nodes {
		lines = append(lines, describe(n))
	}
	return lines
}

func TestAll(t *testing.T) {
	for _, m := range machines() {
		got := strings.Join(described(t, m.name, "all"), "\n") + "\n"
		golden := "testdata/" + m.name + ".txt"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s differs; see -update\n%s", golden, diff)
		}
		if init := described(t, m.name, "init"); len(init) != len(strings.Split(got, "\n"))-1+32 {
			t.Errorf("init makes %d nodes, all %d; want 32 more, the terminals", len(init), len(strings.Split(got, "\n"))-1)
		}
	}
}

func TestNodes(t *testing.T) {
	for name, tt := range map[string]struct {
		arch    string
		targets []string
		want    []string // of those that are made
		count   int
	}{
		"std": {"i386", []string{"std"}, []string{
			"console c 0,0 600 0:0", "tty c 1,0 666 0:0", "mem c 2,0 640 0:2", "null c 2,2 666 0:0", "zero c 2,12 666 0:0",
			"random c 46,0 444 0:0", "urandom c 46,1 644 0:0", "ksyms c 101,0 440 0:2", "stderr c 22,2 666 0:0",
		}, 16},
		"i386 disk": {"i386", []string{"ld1"}, []string{
			"ld1 b 19,11 640 0:5", "ld1a b 19,8 640 0:5", "ld1h b 19,15 640 0:5", "ld1i b 19,524296 640 0:5", "rld1d c 69,11 640 0:5",
		}, 34},
		"amd64 disk": {"amd64", []string{"ld1"}, []string{
			"ld1 b 19,19 640 0:5", "ld1a b 19,16 640 0:5", "ld1i b 19,24 640 0:5", "rld1d c 69,19 640 0:5",
		}, 34},
		"cd":       {"i386", []string{"cd0"}, []string{"cd0 b 6,3 640 0:5", "cd0a b 6,0 640 0:5", "rcd0d c 15,3 640 0:5"}, 6},
		"serial":   {"i386", []string{"tty0", "tty01"}, []string{"tty00 c 8,0 600 66:0", "dty01 c 8,524289 600 66:0"}, 4},
		"viocon":   {"amd64", []string{"ttyVI12"}, []string{"ttyVI12 c 364,18 600 0:0"}, 1},
		"9p":       {"amd64", []string{"vio9p0"}, []string{"vio9p0 c 356,0 660 0:0"}, 1},
		"ptm":      {"amd64", []string{"ptm"}, []string{"pts dir 755", "ptmx c 165,0 666 0:0", "ptm c 165,1 666 0:0"}, 3},
		"pty0":     {"i386", []string{"pty0"}, []string{"ttyp0 c 5,0 666 0:0", "ptypf c 6,15 666 0:0"}, 32},
		"pty18":    {"i386", []string{"pty18"}, []string{"ttypM c 5,288 666 0:0", "ptypZ c 6,301 666 0:0"}, 28},
		"pty19":    {"i386", []string{"pty19"}, []string{"ttyqk c 5,302 666 0:0", "ptyqz c 6,317 666 0:0"}, 32},
		"fd":       {"i386", []string{"fd"}, []string{"fd dir 755", "fd/63 c 22,63 666 0:0"}, 65},
		"link":     {"i386", []string{"bpf"}, []string{"bpf c 23,0 600 0:0", "bpf0 -> bpf"}, 2},
		"cyclades": {"i386", []string{"ttyCY1"}, []string{"ttyCY032 c 38,32 600 66:0", "dtyCY063 c 38,524351 600 66:0"}, 64},
		"nvme":     {"i386", []string{"nvme2ns7"}, []string{"nvme2ns7 c 341,131079 600 0:0"}, 1},
		"render":   {"i386", []string{"drm1"}, []string{"dri dir 755", "dri/card1 c 180,1 660 0:0", "dri/renderD129 c 180,129 660 0:0"}, 3},
		"twice":    {"i386", []string{"random", "std", "std"}, nil, 16},
		"none":     {"i386", []string{"local"}, nil, 0},
	} {
		got := described(t, tt.arch, tt.targets...)
		if len(got) != tt.count {
			t.Errorf("%s: %d nodes; want %d\n%s", name, len(got), tt.count, strings.Join(got, "\n"))
		}
		for _, w := range tt.want {
			if !strings.Contains("\n"+strings.Join(got, "\n")+"\n", "\n"+w+"\n") {
				t.Errorf("%s: %q is not made\n%s", name, w, strings.Join(got, "\n"))
			}
		}
	}
}

func TestNodesRefuse(t *testing.T) {
	for target, want := range map[string]string{
		"vioscsi": `MAKEDEV(8) on amd64 has no "vioscsi"`,
		"ldd0":    `has no "ldd0"; did you mean "ld0"?`,
		"all-md":  `has no "all-md"; did you mean "all_md"?`,
		"apm":     `on amd64 has no "apm"`, // i386 has
		"":        `has no ""`,
		"ld":      `has no "ld"`,
		"ld0a":    `has no "ld0a"`,
		"pty6":    "pty6: its names would be those of the console's terminals",
		"pty62":   "there are pty0 to pty61",
		"ld99999": "the minor number of ld99999",
	} {
		if _, err := Nodes("amd64", []string{target}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %s", target, err, want)
		}
	}
	if _, err := Nodes("vax", []string{"std"}); err == nil || !strings.Contains(err.Error(), `of "vax" are not known; the machines are [i386 amd64]`) {
		t.Error(err)
	}
}

// TestTable reads each line of the files: what they refer to is there on some
// machine.
func TestTable(t *testing.T) {
	known := make(map[string]bool)
	var all []*table
	for _, m := range machines() {
		tab, err := load(m.name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, tab)
		for _, g := range tab.targets {
			known[g.name] = known[g.name] || tab.available(g)
		}
	}
	for name, ok := range known {
		if !ok {
			t.Errorf("%s exists on no machine", name)
		}
	}
	for i, tab := range all {
		for _, g := range tab.targets {
			for _, l := range g.lines {
				checkLine(t, all, machines()[i].name+": "+g.name, l)
			}
		}
	}
}

func checkLine(t *testing.T, all []*table, where string, l line) {
	t.Helper()
	w := l.words
	switch w[0] {
	case "make":
		for i := l.first; i <= l.last; i++ {
			for _, name := range w[1:] {
				found := false
				for _, tab := range all {
					_, _, ok := tab.find(expand(name, map[byte]int{'i': i}))
					found = found || ok
				}
				if !found {
					t.Errorf("%s makes %s, which is not there", where, name)
				}
			}
		}
		return
	case "link", "disk", "cdrom", "pty":
		return
	case "dir":
		w = []string{w[1], "c", "", "0", w[2]}
	}
	if len(w) < 4 || len(w) > 7 || w[1] != "c" && w[1] != "b" || strings.Trim(w[3], "nmi0123456789+") != "" {
		t.Errorf("%s: %q", where, w)
	}
	if len(w) > 4 {
		if _, err := strconv.ParseUint(w[4], 8, 9); err != nil {
			t.Errorf("%s: %v", where, err)
		}
	}
	for _, owner := range w[min(5, len(w)):] {
		if _, ok := owners[owner]; !ok {
			t.Errorf("%s: nobody is called %s", where, owner)
		}
	}
}

func TestAdd(t *testing.T) {
	t0 := time.Unix(1700000000, 0).UTC()
	var tr tree.Tree
	for _, e := range []tree.Entry{
		{Path: "/dev", Type: tree.Dir, Mode: 0o700, ModTime: t0, Why: "before"},
		{Path: "/dev/null", Type: tree.Char, Major: 1, Minor: 3, ModTime: t0, Why: "before"},
		tree.NewFile("/dev/MAKEDEV", 0o755, []byte("#!/bin/sh\n"), t0, "before"),
	} {
		if err := tr.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := Add(&tr, "i386", []string{"std", "ptm", "bpf"}, t0, "test.conf:3"); err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]tree.Entry{
		"/dev":       {Type: tree.Dir, Mode: 0o700, Why: "before"},
		"/dev/null":  {Type: tree.Char, Major: 2, Minor: 2, Mode: 0o666, Why: "test.conf:3"},
		"/dev/kmem":  {Type: tree.Char, Major: 2, Minor: 1, Mode: 0o640, GID: 2, Why: "test.conf:3"},
		"/dev/pts":   {Type: tree.Dir, Mode: 0o755, Why: "test.conf:3"},
		"/dev/bpf0":  {Type: tree.Symlink, Mode: 0o777, Link: "bpf", Why: "test.conf:3"},
		"/dev/stdin": {Type: tree.Char, Major: 22, Mode: 0o666, Why: "test.conf:3"},
	} {
		want.Path, want.ModTime = p, t0
		if got, _ := tr.Get(p); !cmp.Equal(want, got) {
			t.Error(cmp.Diff(want, got))
		}
	}
	var empty tree.Tree
	if err := Add(&empty, "amd64", []string{"no-such"}, t0, "x"); err == nil || empty.Len() > 0 {
		t.Errorf("an unknown target: %v, %d entries", err, empty.Len())
	}
}

func TestRecognise(t *testing.T) {
	for command, want := range map[string]string{
		"cd /dev && sh MAKEDEV all_md":                           "all_md",
		"cd /dev && /etc/MAKEDEV -M std":                         "std",
		"cd /dev; ./MAKEDEV ld0 tty00":                           "ld0 tty00",
		"(cd /dev && ./MAKEDEV -f -u all)":                       "all",
		"cd /dev/\nsh /etc/MAKEDEV std\nsh MAKEDEV ld0 ;":        "std ld0",
		" cd /dev && /bin/sh ./MAKEDEV -m mknod -Mu init ":       "init",
		"cd /dev && ./MAKEDEV -tmtree std >/dev/null 2>&1":       "std",
		"cd /dev && /dev/MAKEDEV -- std":                         "std",
		"cd /dev && ./MAKEDEV -s all":                            "",
		"cd /dev && MAKEDEV all":                                 "",
		"sh MAKEDEV all":                                         "",
		"cd /etc && sh MAKEDEV all":                              "",
		"cd /dev && sh MAKEDEV all && cd /tmp":                   "",
		"cd /dev && sh MAKEDEV $TARGETS":                         "",
		"cd /dev && sh MAKEDEV all | tee log":                    "",
		"cd /dev && sh MAKEDEV all > log":                        "",
		"cd /dev && sh MAKEDEV all &":                            "",
		"cd /dev && sh MAKEDEV 'all'":                            "",
		"cd /dev && sh MAKEDEV":                                  "",
		"cd /dev && sh MAKEDEV -m":                               "",
		"cd /dev && sh MAKEDEV all && echo done":                 "",
		"cd /dev && sh":                                          "",
		"(cd /dev && sh MAKEDEV all":                             "",
		"cd":                                                     "",
		"":                                                       "",
		"/sbin/mknod /dev/x c 1 2":                               "",
		"cd /dev && ./MAKEDEV -p pax -M ld0 ld1 && sh MAKEDEV a": "ld0 ld1 a",
	} {
		got, ok := Recognise(command)
		if strings.Join(got, " ") != want || ok != (want != "") {
			t.Errorf("Recognise(%q) = %q, %v; want %q", command, got, ok, want)
		}
	}
}

func FuzzRecognise(f *testing.F) {
	f.Add("cd /dev && sh MAKEDEV all_md")
	f.Add("(cd /dev; ./MAKEDEV -m mknod ld0 tty00 >/dev/null 2>&1)")
	f.Fuzz(func(t *testing.T, command string) {
		targets, ok := Recognise(command)
		if ok != (len(targets) > 0) {
			t.Errorf("%q, %v", targets, ok)
		}
		if _, err := Nodes("i386", targets); ok && err != nil && !strings.HasPrefix(err.Error(), "make device nodes: ") {
			t.Error(err)
		}
	})
}
