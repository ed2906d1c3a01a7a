package ship

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/tree"
)

func TestHooks(t *testing.T) {
	tests := []struct {
		name, conf string
		want       []string
	}{
		{"repeated, in order", "run_at_build=\"echo 1\"\na=b\nrun_at_build='echo 2'\n", []string{"echo 1", "echo 2"}},
		{"a backslash is eaten", `run_at_build="printf 'a\\n\b'"` + "\n", []string{`printf 'a\nb'`}},
		{"blanks collapse", "run_at_build=\"echo   a \t b\"  \n", []string{"echo a b"}},
		{"the host expands double quotes", "x=y\nrun_at_build=\"echo $x $(uname -s)\"\n", []string{"echo y NetBSD"}},
		{"not single quotes", "run_at_build='echo $x'\n", []string{"echo $x"}},
		{"the last value of a variable", "x=1\nrun_at_build=\"echo $x\"\nx=2\n", []string{"echo 2"}},
		{"indented or exported: not found", "\trun_at_build=a\nexport run_at_build=b\n", nil},
		{"a longer name: not meant", "run_at_buildings=x\nrun_at_build=\"echo ${run_at_buildings}\"\n", []string{"echo x"}},
		{"joined with the next that matches", "run_at_build=\"a \\\nrun_at_build=b\"\n", []string{"a run_at_build=b"}},
		{"empty", "run_at_build=\n", nil},
		{"a comment behind", "run_at_build=a # why\n", []string{"a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Load(t.Context(), confFile(t, "shipname=x\n"+tt.conf), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, s.Hooks.Build); diff != "" {
				t.Errorf("hooks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWords(t *testing.T) {
	tests := []struct {
		command string
		want    []string
		ok      bool
	}{
		{"", nil, true},
		{"  ", nil, true},
		{"nginx -g 'daemon off;'", []string{"nginx", "-g", "daemon off;"}, true},
		{`a "b c"d e\ f`, []string{"a", "b cd", "e f"}, true},
		{`/bin/sh -c 'a | b; echo $X *'`, []string{"/bin/sh", "-c", "a | b; echo $X *"}, true},
		{`a '*' "[x]"`, []string{"a", "*", "[x]"}, true},
		{"a; b", nil, false},
		{"a &", nil, false},
		{"a > b", nil, false},
		{"! a", nil, false},
		{"A=1 b", nil, false},
		{"a $B", nil, false},
		{"a `b`", nil, false},
		{"a *.txt", nil, false},
		{"cd ~", nil, false},
		{"if", nil, false},
		{"(a)", nil, false},
	}
	for _, tt := range tests {
		got, err := words(tt.command)
		if (err == nil) != tt.ok {
			t.Errorf("words(%q): error %v; want success %v", tt.command, err, tt.ok)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("words(%q) (-want +got):\n%s", tt.command, diff)
		}
	}
}

func TestSize(t *testing.T) {
	for in, want := range map[string]int64{
		"": 0, "512": 512, "1k": 1 << 10, "128M": 128 << 20, "128mb": 128 << 20, "2GiB": 2 << 30, "3B": 3,
		"-1": -1, "0": -1, "M": -1, "1T": -1, "1.5G": -1, "9999999G": -1, "1 M": -1, "0x10": -1, "1MG": -1, "1i": -1,
	} {
		got, err := size(in)
		if want == -1 && err == nil || want != -1 && (err != nil || got != want) {
			t.Errorf("size(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
}

func TestNameOf(t *testing.T) {
	for path, want := range map[string]string{
		"/a/server": "server", "./my server": "my-server", "..x": "x", "ünï": "n-", "___": "program",
		strings.Repeat("n", 200): strings.Repeat("n", 128),
	} {
		if got := nameOf(path); got != want || !validName(got) {
			t.Errorf("nameOf(%q) = %q; want %q", path, got, want)
		}
	}
	for _, name := range []string{"", ".", "..", "a/b", "-a", "a b", "/", strings.Repeat("n", 129)} {
		if validName(name) {
			t.Errorf("%q is a valid name", name)
		}
	}
}

func TestWidth(t *testing.T) {
	const tooMuch = maxWords + 1
	for format, want := range map[string]int{
		"%s\n": 3, "100%": 4, "%% %d": 5, "%-20s": 25, "%.3d": 7, "%9d%10d": 7 + 19,
		"%99999d": tooMuch, "%-9999d": tooMuch, "%*d": tooMuch, "%s %.*f": tooMuch, "%%%99999d": tooMuch,
	} {
		if got := width(format); got != want {
			t.Errorf("width(%q) = %d; want %d", format, got, want)
		}
	}
}

func TestAnswers(t *testing.T) {
	a := newAnswers(image.Guest{OS: "linux", Arch: "amd64"})
	for command, want := range map[string]string{
		"uname":                        "Linux",
		"uname -s -m":                  "Linux x86_64",
		"/usr/bin/uname -r":            "6.1",
		"pkg_info -QLOCALBASE pkgin":   "/usr",
		"pkg_info -Q VARBASE pkgin":    "/var",
		"basename /a/b.conf .conf":     "b",
		"dirname /a/b":                 "/a",
		"hostname":                     "localhost",
		"uname -v":                     "",
		"whoami":                       "root",
		"id -gn":                       "root",
		"which sh ifconfig":            "/usr/bin/sh\n/usr/sbin/ifconfig",
		"sysctl -n kern.ostype":        "Linux",
		"sysctl -n kern.boottime":      "",
		"sysctl kern.ostype":           "",
		"pkg_info -D nginx":            "",
		"pkg_info -QSOMETHING_ELSE no": "",
		"dirname":                      "",
		"ls":                           "",
	} {
		got, ok := a.answer(strings.Fields(command))
		if ok != (want != "") || strings.TrimSuffix(got.text, "\n") != want && ok {
			t.Errorf("%s: %+v, %v; want %q", command, got, ok, want)
		}
	}
}

// program returns an i386 executable with one note, of this owner.
func program(owner string, abi elf.OSABI) []byte {
	var b bytes.Buffer
	note := binary.LittleEndian.AppendUint32(nil, uint32(len(owner)+1))
	note = binary.LittleEndian.AppendUint32(note, 4)
	note = binary.LittleEndian.AppendUint32(note, 1)
	note = append(note, owner+"\x00"...)
	note = append(note, make([]byte, -len(note)&3+4)...)
	h := elf.Header32{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS32), byte(elf.ELFDATA2LSB), 1, byte(abi)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_386), Version: 1, Phoff: 52, Ehsize: 52, Phentsize: 32, Phnum: 1,
	}
	p := elf.Prog32{Type: uint32(elf.PT_NOTE), Off: 84, Filesz: uint32(len(note)), Memsz: uint32(len(note))}
	for _, v := range []any{h, p, note} {
		_ = binary.Write(&b, binary.LittleEndian, v) // a Buffer doesn't fail
	}
	return b.Bytes()
}

func TestLoadProgram(t *testing.T) {
	tests := []struct {
		name  string
		bytes []byte
		asked image.Guest
		want  string // guest, or part of an error
	}{
		{"NetBSD's note", program("NetBSD", elf.ELFOSABI_NONE), image.Guest{}, "netbsd/i386"},
		{"no BSD's note", program("GNU", elf.ELFOSABI_NONE), image.Guest{}, "linux/i386"},
		{"FreeBSD's note", program("FreeBSD", elf.ELFOSABI_NONE), image.Guest{}, "made for freebsd"},
		{"FreeBSD's mark", program("", elf.ELFOSABI_FREEBSD), image.Guest{}, "made for freebsd"},
		{"asked for", program("NetBSD", elf.ELFOSABI_NONE), image.Guest{OS: "netbsd"}, "netbsd/i386"},
		{"another asked for", program("NetBSD", elf.ELFOSABI_NONE), image.Guest{OS: "linux"}, "it is for netbsd/i386, the guest is linux/i386"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "my server")
			if err := os.WriteFile(path, tt.bytes, 0o755); err != nil {
				t.Fatal(err)
			}
			s, err := Load(t.Context(), path, Options{Guest: tt.asked})
			if err != nil {
				if !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error %v; want %q", err, tt.want)
				}
				return
			}
			want := Ship{
				Name: "my-server", File: path, Dir: filepath.Dir(path), Guest: image.Guest{OS: tt.want[:len(tt.want)-5], Arch: "i386"},
				Programs: []Program{{Host: path, Guest: "/usr/bin/my-server"}},
				Config:   image.Config{Cmd: []string{"/usr/bin/my-server"}},
			}
			if diff := cmp.Diff(want, s); diff != "" {
				t.Errorf("ship (-want +got):\n%s", diff)
			}
		})
	}
}

// A definition gets the guest of its program, and its command.
func TestConfProgram(t *testing.T) {
	path := confFile(t, "shipname=x\nprogram=./server\n")
	server := filepath.Join(filepath.Dir(path), "server")
	if err := os.WriteFile(server, program("NetBSD", elf.ELFOSABI_NONE), 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := Load(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Guest.String(); got != "netbsd/i386" {
		t.Errorf("guest %s", got)
	}
	if diff := cmp.Diff([]string{"/usr/bin/server"}, s.Config.Cmd); diff != "" {
		t.Errorf("command (-want +got):\n%s", diff)
	}
	_, err = Load(t.Context(), path, Options{Guest: image.Guest{OS: "linux", Arch: "amd64"}})
	if want := "it is for netbsd/i386, the guest is linux/amd64"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v; want %q", err, want)
	}
}

func FuzzProgram(f *testing.F) {
	f.Add(program("NetBSD", elf.ELFOSABI_NONE))
	f.Add(program("", elf.ELFOSABI_LINUX))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := tree.ReadELF(bytes.NewReader(b))
		if err != nil {
			return
		}
		g, err := guestOfELF(e)
		if err == nil && g.OS != "netbsd" && g.OS != "linux" {
			t.Errorf("guest %v", g)
		}
	})
}
