package makedev

import "strings"

// Recognise returns the targets of a shell command that does nothing but run
// MAKEDEV(8) in /dev: "cd /dev && sh MAKEDEV all_md", "(cd /dev; ./MAKEDEV ld0
// tty00)", "cd /dev && /etc/MAKEDEV -M std". The memory file system that -M
// makes is not: in a tree, its nodes belong into /dev itself. With -s, which
// makes none, and in anything that needs a shell to tell what it does, no
// command is recognised.
func Recognise(command string) (targets []string, ok bool) {
	command = strings.TrimSpace(command)
	if in, cut := strings.CutPrefix(command, "("); cut {
		if command, cut = strings.CutSuffix(in, ")"); !cut {
			return nil, false
		}
	}
	if strings.ContainsAny(command, "$`*?[]{}()|<\\#~!\"'=\r") {
		return nil, false
	}
	command = strings.NewReplacer("&&", "\n", ";", "\n").Replace(quiet(command))
	if strings.ContainsAny(command, "&>") {
		return nil, false
	}
	inDev := false
	for l := range strings.Lines(command) {
		words := strings.Fields(l)
		switch {
		case len(words) == 0:
		case words[0] == "cd":
			if len(words) != 2 || strings.TrimRight(words[1], "/") != "/dev" {
				return nil, false
			}
			inDev = true
		default:
			more, ok := recogniseRun(words)
			if !ok || !inDev {
				return nil, false
			}
			targets = append(targets, more...)
		}
	}
	return targets, len(targets) > 0
}

// quiet takes out the ways to throw output away.
func quiet(command string) string {
	for _, r := range []string{"2>&1", "2>/dev/null", "2> /dev/null", ">/dev/null", "> /dev/null"} {
		command = strings.ReplaceAll(command, " "+r, "")
	}
	return command
}

// recogniseRun returns the targets of a simple command that runs MAKEDEV.
func recogniseRun(words []string) ([]string, bool) {
	shell := false
	if words[0] == "sh" || words[0] == "/bin/sh" {
		words, shell = words[1:], true
	}
	if len(words) == 0 {
		return nil, false
	}
	switch words[0] {
	case "./MAKEDEV", "/dev/MAKEDEV", "/etc/MAKEDEV":
	case "MAKEDEV":
		if !shell {
			return nil, false // it would be looked for in PATH
		}
	default:
		return nil, false
	}
	return skipFlags(words[1:])
}

// skipFlags returns the arguments behind MAKEDEV's flags, as getopts(1) finds
// them. -f and -u are about nodes that exist, -m, -p and -t name tools.
func skipFlags(words []string) ([]string, bool) {
	for len(words) > 0 && strings.HasPrefix(words[0], "-") && words[0] != "-" {
		flags := words[0][1:]
		words = words[1:]
		if flags == "-" {
			break
		}
		at := strings.IndexAny(flags, "mpt")
		if at >= 0 && at == len(flags)-1 {
			if len(words) == 0 {
				return nil, false
			}
			words = words[1:]
		}
		if at >= 0 {
			flags = flags[:at]
		}
		if strings.Trim(flags, "Mfu") != "" {
			return nil, false
		}
	}
	return words, len(words) > 0
}
