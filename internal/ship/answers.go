package ship

import (
	"path"
	"strings"

	"github.com/fakecracker/fakecracker/internal/image"
)

// answers stand for the commands that a definition asks about its system, as
// the guest would answer them.
type answers struct {
	guest image.Guest
}

// newAnswers fills in what isn't known: the guest that the project is for.
func newAnswers(g image.Guest) answers {
	if g.OS == "" {
		g.OS = "netbsd"
	}
	if g.Arch == "" {
		g.Arch = "i386"
	}
	return answers{guest: g}
}

// answer returns what a command prints, if it is one that we know.
func (a answers) answer(args []string) (string, bool) {
	switch path.Base(args[0]) {
	case "uname":
		return a.uname(args[1:])
	case "pkg_info":
		return a.pkgInfo(args[1:])
	case "hostname":
		return "localhost", len(args) == 1
	case "basename":
		if len(args) == 3 {
			return strings.TrimSuffix(path.Base(args[1]), args[2]), true
		}
		return path.Base(args[len(args)-1]), len(args) == 2
	case "dirname":
		return path.Dir(args[len(args)-1]), len(args) == 2
	}
	return "", false
}

// system is what uname -s prints, which also names sailor's overlay.
func (a answers) system() string {
	return map[string]string{"netbsd": "NetBSD", "linux": "Linux"}[a.guest.OS]
}

// release is what uname -r prints: that of a usual guest, since nobody knows
// yet which kernel it will have.
func (a answers) release() string {
	return map[string]string{"netbsd": "10.1", "linux": "6.1"}[a.guest.OS]
}

func (a answers) uname(args []string) (string, bool) {
	if len(args) == 0 {
		return a.system(), true
	}
	machine := a.guest.Arch
	processor := map[string]string{"amd64": "x86_64", "i386": "i386"}[a.guest.Arch]
	if a.guest.OS == "linux" {
		machine = map[string]string{"amd64": "x86_64", "i386": "i686"}[a.guest.Arch]
		processor = machine
	}
	say := map[string]string{"-s": a.system(), "-m": machine, "-p": processor, "-r": a.release(), "-n": "localhost"}
	var out []string
	for _, arg := range args {
		word, ok := say[arg]
		if !ok {
			return "", false
		}
		out = append(out, word)
	}
	return strings.Join(out, " "), true
}

// pkgInfo answers pkg_info -QVARIABLE pkgin, in one word or two.
func (a answers) pkgInfo(args []string) (string, bool) {
	if len(args) < 2 || !strings.HasPrefix(args[0], "-Q") {
		return "", false
	}
	variable := strings.TrimPrefix(args[0], "-Q")
	if variable == "" {
		variable = args[1]
	}
	out, ok := map[string]string{
		"LOCALBASE":      a.prefix(),
		"PKG_SYSCONFDIR": a.sysconfdir(),
		"VARBASE":        "/var",
		"OPSYS":          a.system(),
		"MACHINE_ARCH":   map[string]string{"amd64": "x86_64", "i386": "i386"}[a.guest.Arch],
	}[variable]
	return out, ok
}

func (a answers) prefix() string {
	if a.guest.OS == "linux" {
		return "/usr"
	}
	return "/usr/pkg"
}

func (a answers) sysconfdir() string {
	if a.guest.OS == "linux" {
		return "/etc"
	}
	return "/usr/pkg/etc"
}

// netbsdTools are where NetBSD has the commands that sailor looks for, with
// the options that it gives them. A definition uses them as ${mkdir} in what
// it runs in its tree, so the guest's places are meant.
var netbsdTools = map[string]string{
	"awk": "/usr/bin/awk", "cat": "/bin/cat", "chmod": "/bin/chmod", "chown": "/usr/sbin/chown",
	"chroot": "/usr/sbin/chroot", "cp": "/bin/cp", "curl": "/usr/pkg/bin/curl", "cut": "/usr/bin/cut",
	"date": "/bin/date", "echo": "/bin/echo", "egrep": "/usr/bin/egrep", "gpg": "/usr/pkg/bin/gpg",
	"grep": "/usr/bin/grep", "groupadd": "/usr/sbin/groupadd", "id": "/usr/bin/id",
	"ifconfig": "/sbin/ifconfig", "ls": "/bin/ls", "mkdir": "/bin/mkdir -p", "mount": "/sbin/mount",
	"od": "/usr/bin/od", "pax": "/bin/pax -rwpe", "ping": "/sbin/ping", "pkg_add": "/usr/sbin/pkg_add",
	"pkg_info": "/usr/sbin/pkg_info", "pkg_tarup": "/usr/pkg/bin/pkg_tarup", "pkgin": "/usr/pkg/bin/pkgin",
	"rm": "/bin/rm -f", "rsync": "/usr/pkg/bin/rsync -av", "sh": "/bin/sh", "shasum": "/usr/pkg/bin/shasum",
	"sleep": "/bin/sleep", "sort": "/usr/bin/sort", "sudo": "/usr/pkg/bin/sudo", "tar": "/bin/tar",
	"touch": "/usr/bin/touch", "tr": "/usr/bin/tr", "umount": "/sbin/umount", "useradd": "/usr/sbin/useradd",
}

// variables returns what sailor has set when it reads a definition, as K=V.
// On Linux its tools are found by the guest's PATH.
func (a answers) variables() []string {
	machine, _ := a.uname([]string{"-m"})
	vars := []string{
		"OS=" + a.system(), "ARCH=" + machine, "prefix=" + a.prefix(),
		"sysconfdir=" + a.sysconfdir(), "varbase=/var", "PKGIN_VARDB=/var/db/pkgin",
	}
	for name, tool := range netbsdTools {
		if a.guest.OS == "linux" {
			command, options, has := strings.Cut(tool, " ")
			tool = path.Base(command)
			if has {
				tool += " " + options
			}
		}
		vars = append(vars, name+"="+tool)
	}
	return vars
}
