package debian

import (
	"path"
	"slices"
	"strings"
)

// commands are those that have a native version. A name that begins with "-"
// is one that only we make up.
var commands = map[string]command{
	"basename": {do: doBasename}, "cat": {do: doCat, reads: true}, "chgrp": {do: doChgrp}, "chmod": {do: doChmod},
	"chown": {do: doChown}, "cmp": {do: doCmp}, "cp": {do: doCp}, "cut": {do: doCut, reads: true},
	"dirname": {do: doDirname}, "false": {do: doFalse}, "grep": {do: doGrep, reads: true},
	"head": {do: doHead, reads: true}, "install": {do: doInstall}, "ischroot": {do: doTrue}, "ln": {do: doLn}, "md5sum": {do: doMD5, reads: true},
	"mkdir": {do: doMkdir}, "mktemp": {do: doMktemp}, "mv": {do: doMv}, "readlink": {do: doReadlink},
	"realpath": {do: doReadlink}, "rm": {do: doRm}, "rmdir": {do: doRmdir}, "sed": {do: doSed, reads: true}, "sort": {do: doSort, reads: true},
	"tempfile": {do: doMktemp}, "touch": {do: doTouch}, "tr": {do: doTr, reads: true}, "true": {do: doTrue},
	"awk": {do: doAwk, reads: true}, "date": {do: doDate}, "egrep": {do: doEgrep, reads: true}, "fgrep": {do: doFgrep, reads: true},
	"expr": {do: doExpr}, "find": {do: doFind}, "glib-compile-schemas": {do: doSchemas}, "ls": {do: doLs}, "mawk": {do: doAwk, reads: true}, "stat": {do: doStat}, "tail": {do: doTail, reads: true},
	"tee": {do: doTee, reads: true}, "uniq": {do: doUniq, reads: true}, "wc": {do: doWc, reads: true}, "xargs": {do: doXargs, reads: true},
	"uname": {do: doUname}, "which": {do: doWhich}, "-which": {do: doWhich}, "-umask": {do: doUmask},

	"addgroup": {do: doAddgroup}, "adduser": {do: doAdduser}, "getent": {do: doGetent}, "groupadd": {do: doGroupadd},
	"id": {do: doID}, "systemd-sysusers": {do: doSysusers, reads: true}, "useradd": {do: doUseradd}, "usermod": {do: doUsermod},
	"systemd-tmpfiles": {do: doTmpfiles},

	"dpkg": {do: doDpkg}, "dpkg-query": {do: doDpkgQuery}, "dpkg-divert": {do: doDivert}, "dpkg-maintscript-helper": {do: doTrue},
	"dpkg-realpath": {do: doReadlink}, "dpkg-statoverride": {do: doStatoverride}, "ucf": {do: doUcf},
	"update-alternatives": {do: doAlternatives}, "-debconf": {do: doDebconf},

	"update-ca-certificates": {do: doCACertificates},

	// Nothing runs yet, and nothing but the root is mounted beside /proc.
	"aa-status": {do: doFalse}, "mountpoint": {do: doMountpoint}, "pgrep": {do: doFalse}, "pidof": {do: doFalse},
}

// known are commands without effect on a root that has not booted yet, or
// whose effect is there already: each with the reason.
var known = map[string]string{
	"apparmor_parser":          "no AppArmor in the guest",
	"aa-enabled":               "no AppArmor in the guest",
	"deb-systemd-helper":       "no systemd in the guest",
	"deb-systemd-invoke":       "nothing runs yet",
	"dpkg-trigger":             "triggers only rebuild caches",
	"fc-cache":                 "each program makes the cache that it misses",
	"getcap":                   "reads only",
	"gio-querymodules":         "a cache of what the folder shows too",
	"invoke-rc.d":              "nothing runs yet",
	"journalctl":               "no journal in the guest",
	"lpstat":                   "nothing runs yet",
	"ldconfig":                 "the loader finds the libraries without a cache; Tree.Missing checks it",
	"ldconfig.real":            "as ldconfig",
	"py3clean":                 "no byte code in the tree",
	"py3compile":               "byte code is made when it is first used",
	"rc-update":                "nothing runs yet",
	"restorecon":               "no SELinux in the guest",
	"runit-helper":             "no runit in the guest",
	"service":                  "nothing runs yet",
	"start-stop-daemon":        "nothing runs yet",
	"sync":                     "nothing to write out",
	"systemctl":                "nothing runs yet",
	"systemd-machine-id-setup": "made at boot where it is wanted",
	"telinit":                  "nothing runs yet",
	"ucfr":                     "no package will own the file later",
	"udevadm":                  "nothing runs yet",
	"update-fonts-alias":       "no X server in the guest",
	"update-fonts-dir":         "no X server in the guest",
	"update-fonts-scale":       "no X server in the guest",
	"update-shells":            "nobody changes shells in the guest",
	"update-menus":             "no menus in the guest",
	"update-rc.d":              "the image says what is started",
	"update-initramfs":         "the kernel comes from outside",
	"-kill":                    "nothing runs yet",
	"-ulimit":                  "nothing runs yet",
	"shadowconfig":             "no passwords in the tree",
	"sleep":                    "nothing to wait for",
	"logger":                   "nobody listens",
}

// optional are commands that scripts call where they are there only.
var optional = []string{"aa-enabled", "aa-status", "apparmor_parser", "systemd-tmpfiles"}

// irrelevant reports whether a command without a native version changes
// nothing that matters.
func irrelevant(args []string) bool {
	if _, ok := known[args[0]]; ok {
		return true
	}
	if slices.ContainsFunc(args, func(a string) bool { return path.Base(a) == "py_compile.py" }) {
		return true // as py3compile
	}
	return slices.Contains([]string{"start", "stop", "restart", "reload", "force-reload"}, strings.Join(args[1:], " "))
}

// doMountpoint is mountpoint(1) in a guest's root at boot.
func doMountpoint(c *call) (int, error) {
	_, dirs := c.options("-q --quiet")
	if len(dirs) == 1 && slices.Contains([]string{"/", "/proc", "/sys", "/dev"}, path.Clean(dirs[0])) {
		return 0, nil
	}
	return 1, nil
}

func doTrue(*call) (int, error)  { return 0, nil }
func doFalse(*call) (int, error) { return 1, nil }
