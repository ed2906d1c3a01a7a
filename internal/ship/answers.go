package ship

import (
	"io"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/interp"

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

// A reply is what a command does instead of running: it prints lines, or
// nothing, and ends with a status.
type reply struct {
	text   string
	status uint8
}

func says(text string) reply { return reply{text: text + "\n"} }

// give prints the reply.
func (r reply) give(w io.Writer) error {
	if _, err := io.WriteString(w, r.text); err != nil {
		return err
	}
	if r.status != 0 {
		return interp.ExitStatus(r.status)
	}
	return nil
}

// answer returns the reply of a command, if it is one that we know.
func (a answers) answer(args []string) (reply, bool) {
	text, ok := "", false
	switch path.Base(args[0]) {
	case "pkg_info":
		return a.pkgInfo(args[1:])
	case "pkgin":
		return pkgin(args[1:])
	case "uname":
		text, ok = a.uname(args[1:])
	case "sysctl":
		text, ok = a.sysctl(args[1:])
	case "which":
		text, ok = a.which(args[1:])
	case "hostname":
		text, ok = "localhost", len(args) == 1
	case "whoami":
		text, ok = "root", len(args) == 1
	case "id":
		text, ok = map[string]string{"-u": "0", "-g": "0", "-un": "root", "-gn": a.wheel()}[strings.Join(args[1:], " ")], len(args) == 2
	case "basename":
		if ok = len(args) == 2 || len(args) == 3; ok {
			text = strings.TrimSuffix(path.Base(args[1]), strings.Join(args[2:], ""))
		}
	case "dirname":
		text, ok = path.Dir(args[len(args)-1]), len(args) == 2
	}
	return says(text), ok && text != ""
}

// wheel is root's group.
func (a answers) wheel() string {
	if a.guest.OS == "linux" {
		return "root"
	}
	return "wheel"
}

// sysctl answers sysctl -n NAME.
func (a answers) sysctl(args []string) (string, bool) {
	if len(args) != 2 || args[0] != "-n" {
		return "", false
	}
	flag, ok := map[string]string{
		"kern.ostype": "-s", "kern.osrelease": "-r", "kern.hostname": "-n", "hw.machine": "-m", "hw.machine_arch": "-p",
	}[args[1]]
	if !ok {
		return "", false
	}
	return a.uname([]string{flag})
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

// pkgInfo answers pkg_info -QVARIABLE pkgin, in one word or two, and what is
// asked about the packages that are there: none, before a ship is built.
func (a answers) pkgInfo(args []string) (reply, bool) {
	if len(args) == 0 || len(args) == 1 && slices.Contains([]string{"-a", "-u", "-q", "-qa"}, args[0]) {
		return reply{}, true
	}
	if len(args) == 2 && slices.Contains([]string{"-e", "-E", "-qe", "-qE"}, args[0]) {
		return reply{status: 1}, true
	}
	if len(args) < 2 || !strings.HasPrefix(args[0], "-Q") {
		return reply{}, false
	}
	variable := strings.TrimPrefix(args[0], "-Q")
	if variable == "" {
		variable = args[1]
	}
	out, ok := map[string]string{
		"LOCALBASE":      a.prefix(),
		"PKG_SYSCONFDIR": a.sysconfdir(),
		"PKG_DBDIR":      a.prefix() + "/pkgdb",
		"VARBASE":        "/var",
		"OPSYS":          a.system(),
		"OS_VERSION":     a.release(),
		"MACHINE_ARCH":   map[string]string{"amd64": "x86_64", "i386": "i386"}[a.guest.Arch],
	}[variable]
	return says(out), ok
}

// pkgin answers what pkgin is asked about the packages that are there.
func pkgin(args []string) (reply, bool) {
	args = slices.DeleteFunc(slices.Clone(args), func(s string) bool { return s == "-y" || s == "-p" || s == "-P" })
	known := []string{"list", "ls", "show-keep", "sk", "show-no-keep", "snk"}
	return reply{}, len(args) == 1 && slices.Contains(known, args[0])
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
