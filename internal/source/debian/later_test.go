package debian

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/source"
)

// shell is what scripts need of the guest.
var shell = []file{
	{name: "./usr/bin/dash", body: "\x7fELF"},
	{name: "./usr/bin/sh", typ: '2', link: "dash"},
	{name: "./usr/bin/touch", body: "\x7fELF"},
	{name: "./usr/bin/frob", body: "\x7fELF"},
	{name: "./usr/sbin/odd", body: "#!/usr/bin/odd-shell\n"},
	{name: "./usr/share/debconf/confmodule", body: "db_get() { :; }\n", mode: 0o644},
	{name: "./usr/share/debconf/frontend", body: "\x7fELF"},
}

// TestUnrecognised has scripts with something that has no native version. What
// else they do must not be done either, in whichever order.
func TestUnrecognised(t *testing.T) {
	const early = "package x: postinst:0: the script ended early: "
	for _, tt := range []struct {
		name, script string
		note         string
		interpreter  string // "/bin/sh" when empty
		guest        bool   // runs it
	}{
		{
			name: "a command", script: "set -e\ntouch /etc/first\nfrob --now\ntouch /etc/then\nadduser --system x\n", guest: false,
			note: "package x: postinst:4: frob --now: no native version: the script was not run, for want of adduser",
		},
		{
			name: "a command in the guest", script: "touch /etc/first; frob --now; frob --then; touch /etc/then\n", guest: true,
			note: "package x: postinst:2: frob --now: no native version (and 1 more): the script runs in the build VM",
		},
		{
			name: "a command by its path", script: "/usr/bin/frob\n/opt/frob\n",
			note: "package x: postinst:2: /usr/bin/frob: no native version (and 1 more): the script was not run, for want of /opt/frob",
		},
		{
			name: "a command with blanks", script: "frob '  a\n\n b'", guest: true,
			note: "package x: postinst:2: frob a b: no native version: the script runs in the build VM",
		},
		{
			name: "a long command", script: "frob " + strings.Repeat("é", 400), guest: true,
			note: "package x: postinst:2: frob " + strings.Repeat("é", 57) + "…: no native version: the script runs in the build VM",
		},
		{
			name: "the number of a process", script: "frob $$ ${PPID}", guest: true,
			note: "package x: postinst:2: frob 2 2: no native version: the script runs in the build VM",
		},
		{
			name: "a program's interpreter", script: "odd", guest: false,
			note: "package x: postinst:2: odd: no native version: the script was not run, for want of /usr/bin/odd-shell",
		},
		{
			name: "what can't be done", script: "set -e\ntouch /etc/first\nchown nobody-knows /etc/passwd\ntouch /etc/then",
			note: `package x: postinst:4: the script ended early: exit status 1, after chown nobody-knows /etc/passwd: look up the owner "nobody-knows": there is no user "nobody-knows": the script was not run, for want of chown`,
		},
		{
			name: "output that something waits for", script: "frob /etc/passwd > /etc/passwd; frob | sort && touch /etc/then",
			note: "package x: postinst:2: frob /etc/passwd: no native version (and 1 more): the script was not run, for want of sort",
		},
		{
			name: "a way to call sed", script: "sed -i s/a/b/ /usr/share/x/conf; sed '1,/x/{N;D}' /usr/share/x/conf",
			note: `package x: postinst:2: sed 1,/x/{N;D} /usr/share/x/conf: command "{N;D}" has no native version (and 1 more): the script was not run, for want of sed`,
		},
		{
			name: "an option", script: "touch /etc/first; touch --frob /etc/then", guest: true,
			note: "package x: postinst:2: touch: option --frob has no native version: the script runs in the build VM",
		},
		{
			name: "questions", script: ". /usr/share/debconf/confmodule; db_get x/port; frob $RET", guest: true,
			note: "package x: postinst:2: frob 80: no native version: the script runs in the build VM",
		},
		{
			name: "users and state", script: "adduser --system first; dpkg-divert --add --rename /usr/bin/tool; update-alternatives --install /usr/bin/t t /usr/bin/other 1; frob",
			note: "package x: postinst:2: frob: no native version: the script was not run, for want of adduser, dpkg-divert, update-alternatives",
		},
		{name: "a loop of builtins", script: "touch /etc/first; while :; do :; done", guest: true, note: early + "more than 20000 commands: the script runs in the build VM"},
		{name: "process substitution", script: "touch /etc/first <(frob)", guest: true, note: early + "line 2: process substitution: the script runs in the build VM"},
		{name: "a random number", script: "touch /etc/$RANDOM", guest: true, note: early + "line 2: a random number: the script runs in the build VM"},
		{name: "no shell's language", script: "touch /etc/first\nif", guest: true, note: early + "postinst:3:1: `if` must be followed by a statement list: the script runs in the build VM"},
		{name: "an exit", script: "touch /etc/first\nexit 3", guest: true, note: early + "exit status 3: the script runs in the build VM"},
		{
			name: "too many files", script: "mkdir -p /opt/a\ntouch /opt/a/f\nfor i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do cp -r /opt/a /opt/b; mv /opt/b /opt/a/$i || exit 1; done",
			note: "package x: postinst:4: cp -r /opt/a /opt/b: the script makes more than 65536 files (and 2 more): the script was not run, for want of cp, mkdir, mv",
		},
		{
			name: "another interpreter", script: "print 1;", interpreter: "/usr/bin/perl",
			note: "package x: postinst:1: not for a shell: #!/usr/bin/perl: the script was not run, for want of /usr/bin/perl",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.interpreter == "" {
				tt.interpreter = "/bin/sh"
			}
			text := "#!" + tt.interpreter + "\n" + tt.script
			files := append(append([]file(nil), base...), shell...)
			templates := "Template: x/port\nType: string\nDefault: 80\n"
			want, _ := install(t, map[string]string{"templates": templates}, files)
			got, r := install(t, map[string]string{"postinst": text, "templates": templates}, files)
			if diff := cmp.Diff(want.All(), got.All(), withoutHost); diff != "" {
				t.Errorf("the script left something behind:\n%s", diff)
			}
			if diff := cmp.Diff([]source.Note{{Known: tt.guest, Guest: tt.guest}}, bare(r.Notes)); diff != "" {
				t.Errorf("notes:\n%s", diff)
			}
			if len(r.Notes) > 0 && r.Notes[0].String() != tt.note {
				t.Errorf("got  %s\nwant %s", r.Notes[0], tt.note)
			}
			if !tt.guest {
				if r.Scripts != nil {
					t.Errorf("the guest is to run %+v", r.Scripts)
				}
				return
			}
			if len(r.Scripts) != 1 || string(r.Scripts[0].File.Content.Data) != text {
				t.Errorf("the guest is to run %+v", r.Scripts)
			}
		})
	}
}

// withoutHost leaves out where bytes are: each tree is of another folder.
var withoutHost = cmp.FilterPath(func(p cmp.Path) bool { return strings.HasSuffix(p.String(), "Content") }, cmp.Ignore())

// bare returns notes with nothing but whether what they are about is done.
func bare(notes []source.Note) []source.Note {
	var all []source.Note
	for _, n := range notes {
		all = append(all, source.Note{Known: n.Known, Guest: n.Guest})
	}
	return all
}

// TestScriptsForTheGuest looks at all that the guest is told, and in which
// order: first what comes before the packages' files, then what comes after.
func TestScriptsForTheGuest(t *testing.T) {
	s := &Source{Dir: t.TempDir()}
	var pkgs []source.Package
	for _, p := range []struct{ name, depends string }{{"app", "lib"}, {"lib", "libshell"}, {"libshell", ""}} {
		ctl := map[string]string{
			"control": "Package: " + p.name + "\nDepends: " + p.depends + "\n",
			"preinst": "#!/bin/sh\nfrob before " + p.name + "\n", "postinst": "#!/bin/sh -e\nfrob " + p.name + "\n",
		}
		var files []file
		if p.depends == "" {
			files = append(append(files, base...), shell...)
		}
		pkgs = append(pkgs, download(t, s, p.name, makeDeb(t, ".gz", ctl, files)))
	}
	_, r, err := s.Tree(t.Context(), pkgs)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, sc := range r.Scripts {
		got = append(got, sc.Package+": "+strings.Join(sc.Args, " ")+".")
	}
	want := []string{
		"libshell 1.0: /var/lib/dpkg/info/libshell.preinst install.",
		"lib 1.0: /var/lib/dpkg/info/lib.preinst install.",
		"app 1.0: /var/lib/dpkg/info/app.preinst install.",
		"libshell 1.0: /var/lib/dpkg/info/libshell.postinst configure .",
		"lib 1.0: /var/lib/dpkg/info/lib.postinst configure .",
		"app 1.0: /var/lib/dpkg/info/app.postinst configure .",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	last := r.Scripts[5]
	wantEnv := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C", "DPKG_ROOT=",
		"DPKG_ADMINDIR=/var/lib/dpkg", "DEBIAN_FRONTEND=noninteractive", "DEBCONF_NONINTERACTIVE_SEEN=true",
		"DPKG_MAINTSCRIPT_PACKAGE=app", "DPKG_MAINTSCRIPT_NAME=postinst", "DPKG_MAINTSCRIPT_ARCH=amd64", "DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1",
	}
	if diff := cmp.Diff(wantEnv, last.Env); diff != "" {
		t.Error(diff)
	}
	if got, want := line(last.File), "/var/lib/dpkg/info/app.postinst file 0755 0:0"; got != want {
		t.Errorf("the file is %s; want %s", got, want)
	}
}
