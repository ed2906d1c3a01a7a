package mtree

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// people knows one user and one group.
var people = IDs{
	User:  func(name string) (uint32, error) { return number(name, "www", 80) },
	Group: func(name string) (uint32, error) { return number(name, "wheel", 0) },
}

func number(name, known string, id uint32) (uint32, error) {
	if name != known {
		return 0, errors.New("there is no such name")
	}
	return id, nil
}

func TestParse(t *testing.T) {
	const perms = Type | Mode
	for _, tt := range []struct {
		name, spec string
		want       []Entry
	}{
		{"nothing", "# only a comment\n\n \t\n", nil},
		{"relative and full paths", `. type=dir
  etc type=dir mode=0755
    passwd type=file
    rc.d type=dir
    ..
    group type=file
  ..
./usr type=dir
./usr/bin type=dir
    env type=file
..
..
last type=file
..
end type=fifo
`, []Entry{
			{Path: "/", Line: 1, Given: Type, Type: fs.ModeDir},
			{Path: "/etc", Line: 2, Given: perms, Type: fs.ModeDir, Mode: 0o755},
			{Path: "/etc/passwd", Line: 3, Given: Type},
			{Path: "/etc/rc.d", Line: 4, Given: Type, Type: fs.ModeDir},
			{Path: "/etc/group", Line: 6, Given: Type},
			{Path: "/usr", Line: 8, Given: Type, Type: fs.ModeDir},
			{Path: "/usr/bin", Line: 9, Given: Type, Type: fs.ModeDir},
			{Path: "/usr/bin/env", Line: 10, Given: Type},
			{Path: "/last", Line: 13, Given: Type},
			{Path: "/end", Line: 15, Given: Type, Type: fs.ModeNamedPipe},
		}},
		{"set and unset", `/set type=file uid=5 gname=wheel mode=0644
.  type=dir
a
/set uid=6
b  gid=7
/unset uid mode
c
/unset all
d optional
`, []Entry{
			{Path: "/", Line: 2, Given: perms | UID | GName, Type: fs.ModeDir, Mode: 0o644, UID: 5},
			{Path: "/a", Line: 3, Given: perms | UID | GName, Mode: 0o644, UID: 5},
			{Path: "/b", Line: 5, Given: perms | UID | GName | GID, Mode: 0o644, UID: 6, GID: 7},
			{Path: "/c", Line: 7, Given: Type | GName, Mode: 0o644, UID: 6},
			{Path: "/d", Line: 9, Given: Optional},
		}},
		{"every keyword", `. type=dir nochange
f type=file mode=4755 uname=www gid=3 size=99 time=12.000000034 flags=uchg,schg,nodump optional sha256=0x00 nlink=2 tags=a,b contents=a\040b
l type=link link=../a\sb uid= 7 gid 8
c type=char device=netbsd,2,300
b type=block device=0x12345678
s type=socket time=-5
`, []Entry{
			{Path: "/", Line: 1, Given: Type, Type: fs.ModeDir},
			{
				Path: "/f", Line: 2, Given: perms | UName | GID | Size | Time | Flags | Optional | Contents,
				Mode: 0o755 | fs.ModeSetuid, UID: 80, GID: 3, Size: 99, Time: time.Unix(12, 34).UTC(), Flags: 0x20003, Contents: "a b",
			},
			{Path: "/l", Line: 3, Given: Type | Link | UID | GID, Type: fs.ModeSymlink, Link: "../a b", UID: 7, GID: 8},
			{Path: "/c", Line: 4, Given: Type | Device, Type: fs.ModeDevice | fs.ModeCharDevice, Major: 2, Minor: 300},
			{Path: "/b", Line: 5, Given: Type | Device, Type: fs.ModeDevice, Major: 0x456, Minor: 0x12378},
			{Path: "/s", Line: 6, Given: Type | Time, Type: fs.ModeSocket, Time: time.Unix(-5, 0).UTC()},
		}},
		{"comments and lines that go on", ". type=\\\ndir # a comment \\\na\\#b type=file#x\nc\\\\#d\n", []Entry{
			{Path: "/", Line: 2, Given: Type, Type: fs.ModeDir},
			{Path: "/a#b", Line: 3, Given: Type},
			{Path: `/c\`, Line: 4},
		}},
		{"the last line counts", ". type=dir\nd type=dir uid=1\n  f type=file\n./d type=dir gid=2\n  g\n. uid=3\n  h\n", []Entry{
			{Path: "/", Line: 6, Given: Type | UID, Type: fs.ModeDir, UID: 3},
			{Path: "/d", Line: 4, Given: Type | GID, Type: fs.ModeDir, GID: 2},
			{Path: "/d/f", Line: 3, Given: Type},
			{Path: "/d/g", Line: 5},
			{Path: "/d/h", Line: 7},
		}},
		{"no root, no point, no newline at the end", "a type=dir\na//b type=dir\n./a/./b/c", []Entry{
			{Path: "/a", Line: 1, Given: Type, Type: fs.ModeDir},
			{Path: "/a/b", Line: 2, Given: Type, Type: fs.ModeDir},
			{Path: "/a/b/c", Line: 3},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(strings.NewReader(tt.spec), "spec", people)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct{ name, spec, want string }{
		{"unknown keyword", ". type=dir\nf tpye=file", `spec:2: unknown keyword "tpye" (did you mean "type"?)`},
		{"all is no keyword of a file", ". all", `spec:1: unknown keyword "all"`},
		{"unknown type", "f type=fil", `spec:1: unknown type "fil" (did you mean "file"?): it is one of block, char, dir, fifo, file, link, socket`},
		{"no value", "f type=file uid=", `spec:1: keyword "uid" has no value: write uid=VALUE`},
		{"unknown command", "/sett uid=0", `spec:1: unknown command "/sett": a path begins with a point, as in ./sett`},
		{"unset unknown", "/unset uidd", `spec:1: unknown keyword "uidd" (did you mean "uid"?)`},
		{"one .. too many", ". type=dir\n..\n..", `spec:3: ".." at the root: there is one more of them than there are folders`},
		{"root is a file", ". type=file", `spec:1: the root "." is not type=dir`},
		{"no parent", ". type=dir\n./a/b type=file", `spec:2: /a/b: no folder /a was named before it: add a line ./a type=dir`},
		{"parent is a file", "a type=file\n./a/b type=file", `spec:2: /a/b: no folder /a was named before it: add a line ./a type=dir`},
		{"up in a path", "a type=dir\n./a/../b type=file", `spec:2: the path "./a/../b" has ".." in it: write it from the root`},
		{"up in an encoded name", `\056.`, `spec:1: the path ".." has ".." in it: write it from the root`},
		{"slash at the end", "./a/ type=dir", `spec:1: the path "./a/" ends with a slash`},
		{"zero byte", `a\000b`, `spec:1: the name "a\x00b" has a zero byte in it`},
		{"long name", strings.Repeat("n", 256), `spec:1: "` + strings.Repeat("n", 40) + `"…: names are up to 255 bytes long, and paths up to 4096`},
		{"two types", "f type=file\nf type=dir", `spec:2: /f is type=dir here and type=file in line 1`},
		{"bad escape", `a\xyz`, `spec:1: "a\\xyz": unknown escape "\\x": a backslash that means itself is written twice`},
		{"bad mode", "f mode=8", `spec:1: mode "8": want an octal number up to 7777`},
		{"bad symbols", "f mode=u+q", `spec:1: mode "u+q": want an octal number, or symbols such as u=rwx,go=rx`},
		{"bad uid", "f uid=-1", `spec:1: uid "-1": want a number up to 4294967295`},
		{"unknown user", "f uname=nobody", `spec:1: user "nobody": there is no such name: give its number with uid=`},
		{"unknown group", "f gname=x", `spec:1: group "x": there is no such name: give its number with gid=`},
		{"bad size", "f size=-1", `spec:1: size "-1": want a number of bytes`},
		{"bad time", "f time=5.1000000000", `spec:1: time "5.1000000000": want SECONDS.NANOSECONDS since 1970, such as 1700000000.000000000`},
		{"bad flag", "f flags=ucgh", `spec:1: unknown flag "ucgh" (did you mean "uchg"?)`},
		{"bad device", "f device=5,", `spec:1: device "5,": unknown format "5": it is one of 386bsd, 4bsd, bsdos, freebsd, hpux, isc, linux, native, netbsd, osf1, sco, solaris, sunos, svr3, svr4, ultrix`},
		{"device without numbers", "f device=x", `spec:1: device "x": want FORMAT,MAJOR,MINOR, such as netbsd,2,2`},
		{"too few numbers", "f device=netbsd,1", `spec:1: device "netbsd,1": want 2 numbers after the format`},
		{"large number", "f device=netbsd,4096,1", `spec:1: device "netbsd,4096,1": major number 4096 is too large for the format`},
		{"long line", "f " + strings.Repeat("x", maxLine), "spec:1: the line is longer than 1048576 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(strings.NewReader(tt.spec), "spec", people)
			var at *Error
			if !errors.As(err, &at) {
				t.Fatalf("error %v; want %s", err, tt.want)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseWithoutNames(t *testing.T) {
	_, err := Parse(strings.NewReader("f uname=root"), "spec", IDs{})
	if want := `spec:1: user "root": not known here: give its number with uid=`; err == nil || err.Error() != want {
		t.Errorf("error %v; want %s", err, want)
	}
}

// TestParseBoundsPaths: deep folders make long paths of short lines.
func TestParseBoundsPaths(t *testing.T) {
	spec := strings.Repeat("x type=dir\n", maxPath)
	_, err := Parse(strings.NewReader(spec), "spec", people)
	if err == nil || !strings.Contains(err.Error(), "paths up to 4096") {
		t.Errorf("error %.100v", err)
	}
}

func TestUnvis(t *testing.T) {
	for in, want := range map[string]string{
		`plain`:           "plain",
		`\040\0401\7z`:    "  1\az",
		`\s\t\n\\\E\r\f`:  " \t\n\\\x1b\r\f",
		`\b\a\v\$x`:       "\b\a\vx",
		`\x41\xfg\x0`:     "A\x0fg\x00",
		`\^A\^?\M-a\M^A`:  "\x01\x7f\xe1\x81",
		`\M^?\"\[\*`:      "\xff\"[*",
		`\303\244\377\08`: "ä\xff\x008",
	} {
		if got, err := unvis(in); err != nil || got != want {
			t.Errorf("unvis(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{`\`, `a\`, `\x`, `\xg`, `\M`, `\Ma`, `\M-`, `\^`, "\\\x01", `\ `} {
		if got, err := unvis(in); err == nil {
			t.Errorf("unvis(%q) = %q; want an error", in, got)
		}
	}
}

func TestParseMode(t *testing.T) {
	for in, want := range map[string]fs.FileMode{
		"0":                0,
		"755":              0o755,
		"06711":            0o711 | fs.ModeSetuid | fs.ModeSetgid,
		"1777":             0o777 | fs.ModeSticky,
		"u=rwx,go=rx":      0o755,
		"a+r":              0o444,
		"+x":               0o111,
		"u=rwxs,g=u,o=g-w": 0o775 | fs.ModeSetuid,
		"u=rw,a+X":         0o600,
		"u=rwx,a+X-w+t":    0o511 | fs.ModeSticky,
		"ug+s":             fs.ModeSetuid | fs.ModeSetgid,
		"o=":               0,
	} {
		if got, err := parseMode(in); err != nil || got != want {
			t.Errorf("mode %s is %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "10000", "9", "rwx", "z+r", "u=q", "u=r,"} {
		if got, err := parseMode(in); err == nil {
			t.Errorf("mode %q is %v; want an error", in, got)
		}
	}
}

func TestParseDevice(t *testing.T) {
	for in, want := range map[string][2]uint32{
		"netbsd,2,300":        {2, 300},
		"native,4095,1048575": {4095, 1<<20 - 1},
		"linux,0x8,1":         {8, 1},
		// These are stored in their own way, and NetBSD reads them in its own.
		"freebsd,2,0xffff0003": {0xf02, 0xfff03},
		"solaris,1,2":          {0x400, 2},
		"hpux,1,2":             {0, 0x1000 | 2},
		"bsdos,1,2,3":          {2, 0x100 | 3},
		"bsdos,1,0x203":        {2, 0x100 | 3},
		"0x0000020c":           {2, 12},
	} {
		major, minor, err := parseDevice(in)
		if err != nil || major != want[0] || minor != want[1] {
			t.Errorf("device %s is %d,%d, %v; want %v", in, major, minor, err, want)
		}
	}
}

func TestParseFlags(t *testing.T) {
	for in, want := range map[string]uint32{
		"none": 0, "nodump": 1, "nodump,dump": 0, "uchg,nouchg,schg": 0x20000,
		"uappend,opaque,archived,simmutable,sappnd": 0x7000c,
	} {
		if got, err := parseFlags(in); err != nil || got != want {
			t.Errorf("flags %s are %#x, %v; want %#x", in, got, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(". type=dir\netc type=dir mode=u=rwx uid=0\n passwd type=file time=1.5 flags=uchg # x\n..\n")
	f.Add("/set uid=0 gid=0\n/unset all\n./dev type=dir\n./dev/x type=char device=bsdos,1,2,3\n..\n..\n")
	f.Add("a\\040b\\\nc type=link link=\\M-a\\^A\\x41 optional\n. size=5 contents=x\n")
	f.Fuzz(func(t *testing.T, spec string) {
		entries, err := Parse(strings.NewReader(spec), "spec", people)
		if err != nil {
			var at *Error
			if !errors.As(err, &at) || at.Line > strings.Count(spec, "\n")+1 {
				t.Errorf("error %v", err)
			}
			return
		}
		there := map[string]bool{"/": true}
		for i, e := range entries {
			if path.Clean(e.Path) != e.Path || e.Path[0] != '/' || !there[path.Dir(e.Path)] {
				t.Errorf("entry %d has the path %q", i, e.Path)
			}
			if there[e.Path] && e.Path != "/" {
				t.Errorf("entry %d is the second for %s", i, e.Path)
			}
			there[e.Path] = true
		}
	})
}
