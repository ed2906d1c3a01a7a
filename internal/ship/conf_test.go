package ship

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConfErrors(t *testing.T) {
	tests := []struct {
		name, conf, want string // want follows the file's name
	}{
		{"no shipname", "packages=nginx\n", ": shipname is missing: add a line such as shipname=ship"},
		{"odd shipname", "\nshipname=../x\n", `:2: shipname="../x": a name has`},
		{"not shell", "shipname=x\npackages=\"nginx\n", ":2: "},
		{"a command", "shipname=x\n\nfoo bar\n", `:3: command "foo" is not allowed here`},
		{"a command inside", "shipname=x\nif true; then\n  p=$(ls /)\nfi\n", `:3: command "ls" is not allowed here`},
		{"a command in a hook", "shipname=x\nrun_at_stop=\"kill $(cat /pid)\"\n", `:2: command "cat" is not allowed here`},
		{"a command in eval", "shipname=x\neval 'foo'\n", `:2: command "foo"`},
		{"exec", "shipname=x\nexec ls\n", ":2: exec is not allowed here"},
		{"a file written", "shipname=x\necho x > y\n", ":2: writes to "},
		{"the host's files", "shipname=x\n. /etc/passwd\n", ":2: include /etc/passwd: only files of"},
		{"no such include", "shipname=x\n. ./none.vars\n", ":2: include ./none.vars: file does not exist"},
		{"background", "shipname=x\ntrue &\n", ":2: commands in the background"},
		{"background in eval", "shipname=x\neval 'true &'\n", ":2: eval: commands in the background"},
		{"a process substitution", "shipname=x\n: <(true)\n", ":2: <( ) is not sh"},
		{"an array", "shipname=x\npackages=(a b)\n", ":2: arrays are not sh"},
		{"a billion words", "shipname=x\necho {1..1000000000}\n", ":2: braces"},
		{"exit", "shipname=x\nexit 1\n", ":2: the shell ends here"},
		{"set -e", "set -e\nshipname=x\nfalse\n", ":3: the shell ends here"},
		{"hook over two lines", "shipname=x\nrun_at_build=\"a\nb\"\n", ":2: run_at_build: the value must be whole on this line"},
		{"a hook's text", "shipname=x\n\nrun_at_build=a &\n", ":3: commands in the background"},
		{"a command in a later hook", "shipname=x\n\nrun_at_build=a\nrun_at_build=\"$(cat /b)\"\n", `:4: command "cat" is not allowed here`},
		{"a command only in what a hook makes of a line", "shipname=x\n\nrun_at_build=\"\\$(cat /b)\"\n", `:3: command "cat" is not allowed here`},
		{"a file that a hook writes", "shipname=x\n\nrun_at_build=\"\\$(echo x >y)\"\n", ":3: writes to "},
		{"a hook that expands without end", "shipname=x\na=" + strings.Repeat("x", 100_000) + "\nrun_at_build='$a'\"\\" + strings.Repeat("$a\\", 5_000) + "$a\"\n", ":3: stopped: it would expand to"},
		{"address", "shipname=x\nip_vioif0=10.0.0.300/8\n", `:2: ip_vioif0="10.0.0.300/8": not an address`},
		{"port", "shipname=x\nexpose=\"80 0\"\n", `:2: expose="80 0": "0" is not a port (1 to 65535)`},
		{"ports without end", "shipname=x\nexpose=1-60000\n", "more than 1000 ports"},
		{"an empty ship path", "shipname=x\nshippath=\"${NOWHERE}\"\n", `:2: shippath="": sailor would abort`},
		{"the root as ship path", "shipname=x\nshippath=//\n", `:2: shippath="//": sailor would abort, since that is this system's own root: name a folder`},
		{"entrypoint", "shipname=x\nentrypoint='a && b'\n", ":2: entrypoint=\"a && b\": this needs a shell"},
		{"volume", "shipname=x\nvolumes=data\n", `:2: volumes="data": "data": not an absolute path`},
		{"published", "shipname=x\npublish=http:80\n", ":2: publish="},
		{"signal", "shipname=x\nstopsignal=SIGNAL\n", `:2: stopsignal="SIGNAL": "SIGNAL" is no signal`},
		{"label", "shipname=x\nlabels='a b'\n", ":2: labels="},
		{"set", "shipname=x\nsets='base etx'\n", ":2: sets="},
		{"release", "shipname=x\nrelease=ten\n", ":2: release="},
		{"also", "shipname=x\nalso='lib*.so'\n", ":2: also="},
		{"prune", "shipname=x\nprune=perhaps\n", ":2: prune="},
		{"a package tool that acts", "shipname=x\npkgin -y in nginx\n", `:2: command "pkgin" is not allowed here`},
		{"a program of unknown place", "shipname=x\nshipbins=$(which frobnicate)\n", `:2: command "which" is not allowed here`},
		{"memory", "shipname=x\nmemory=lots\n", `:2: memory="lots": not a size`},
		{"command", "shipname=x\ncmd='a | b'\n", `:2: cmd="a | b": this needs a shell`},
		{"command with a variable", "shipname=x\ncmd='a $HOME'\n", "this needs a shell"},
		{"command's quotes", "shipname=x\ncmd='a \"b'\n", ":2: cmd="},
		{"environment", "shipname=x\nenv='A=1 B'\n", `:2: env="A=1 B": not a list of K=V`},
		{"workdir", "shipname=x\nworkdir=srv\n", "not an absolute path"},
		{"user", "shipname=x\nuser='a b'\n", "one user"},
		{"guest", "shipname=x\nguest=plan9\n", `:2: guest="plan9": guests are netbsd and linux`},
		{"environment of two lines", "shipname=x\nenv='A=1\nB=2'\n", ":2: env="},
		{"environment into a file", "shipname=x\nenv='A=1 >f'\n", ": not a list of K=V"},
		{"an environment's name", "shipname=x\nenv='1=2'\n", ": not a list of K=V"},
		{"an environment's quotes", "shipname=x\nenv='A=\"'\n", ":2: env="},
		{"a coprocess", "shipname=x\ncoproc true\n", ":2: coproc is not sh"},
		{"a guard's file", "shipname=x\necho x >/ship-guard/99\n", ":2: writes to /ship-guard/99: a ship file writes nothing"},
		{"guest's processor", "shipname=x\nguest=linux/vax\n", "guests are netbsd and linux"},
		{"no program", "shipname=x\nprogram=./none\n", "no such file or directory (it has to be built first)"},
		{"program's place", "shipname=x\nprogram=./ship.conf:bin\n", "bin: not the absolute path"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := confFile(t, tt.conf)
			_, err := Load(t.Context(), path, Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), path) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v; want one line that starts with the file and has %q", err, tt.want)
			}
			if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
				t.Errorf("the folder holds %v, %v; want the definition alone", left, err)
			}
		})
	}
}

// So it is in what was evaluated there, and behind it.
func TestPlaces(t *testing.T) {
	tests := []struct{ name, conf, included, want string }{
		{"behind an include", "if true; then\n. ./inc\nls\nfi", "a=b", ":4: command"},
		{"behind an eval", "if true; then\neval 'a=b'\nls\nfi", "", ":4: command"},
		{"in an eval", "if true; then\n\neval 'a=b\n\n\nls'\nfi", "", ":2: command"},
		{"in an eval of an include", "\n. ./inc", "\neval 'a=b\n\nls'", ":3: in ./inc: command"},
		{"in a function of an include", "\n. ./inc\n\nf", "\nf() {\nls\n}", ":5: in ./inc:3: command"},
		{"in a substitution behind an include", "a=$(. ./inc)$(\nls)", "b=c", ":3: command"},
		{"expanding in an include", "\n. ./inc", "\na=x\nwhile :; do a=$a$a; done", ":3: in ./inc:3: stopped: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := writeFiles(t, map[string]string{"ship.conf": "shipname=x\n" + tt.conf + "\n", "inc": tt.included + "\n"})
			path := filepath.Join(dir, "ship.conf")
			_, err := Load(t.Context(), path, Options{})
			if err == nil || !strings.HasPrefix(err.Error(), path+tt.want) {
				t.Errorf("error %v; want %s%s…", err, path, tt.want)
			}
		})
	}
}

// What has no effect in a guest is told, each with its line.
func TestConfNotes(t *testing.T) {
	tests := []struct {
		name, conf string
		want       []string
	}{
		{"nothing", "shipname=x\npackages=nginx\nstopsignal=TERM\nhealthcheck=none\n", nil},
		{"misspelt", "shipname=x\n\npakcages=nginx\nservice=nginx\n", []string{
			`:3: unknown variable "pakcages": did you mean "packages"?`, `:4: unknown variable "service": did you mean "services"?`,
		}},
		{"misspelt hook", "shipname=x\nrun_at_builds=true\n", []string{`:2: unknown variable "run_at_builds": did you mean "run_at_build"?`}},
		{"a variable of the author's own", "shipname=x\npackage=nginx\npackages=${package}\nmine=1\n", nil},
		{"one that an included file reads", "shipname=x\npackage=nginx\n. ./inc\n", nil},
		{"an address", "shipname=x\nip_re0=192.0.2.1/24\n", []string{":2: ip_re0: sailor gives the host's interface this address"}},
		{"mounts", "shipname=x\nro_mounts=/a\nrw_mounts=/b\n", []string{":2: ro_mounts: folders of the host", ":3: rw_mounts: folders of the host"}},
		{"debug", "shipname=x\ndebug=echo\n", []string{":2: debug: has no effect here"}},
		{"volumes", "shipname=x\nvolumes=/data\n", []string{":2: volumes: a folder of the root: what is written there is gone with the VM"}},
		{"a health check", "shipname=x\nhealthcheck=true\n", []string{":2: healthcheck: kept with the image: a guest is ready when its ports answer"}},
		{"hooks", "shipname=x\nrun_at_start=a\nrun_at_stop=b\nrun_at_status=c\nrun_at_destroy=d\nrun_at_build=e\n", []string{
			":2: run_at_start: kept with the image: nothing runs it", ":3: run_at_stop: ", ":4: run_at_status: ", ":5: run_at_destroy: ",
		}},
		{"a byte order mark", "\uFEFFshipname=x\n", []string{":1: has a byte order mark"}},
		{"line ends of Windows", "\uFEFFshipname=x\r\n", []string{":1: has a byte order mark", ": has the line ends of Windows"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := writeFiles(t, map[string]string{"ship.conf": tt.conf, "inc": "\uFEFFpackages=$package\n"})
			path := filepath.Join(dir, "ship.conf")
			s, err := Load(t.Context(), path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			begin(t, s.Notes, path, tt.want)
		})
	}
}

// begin checks that the notes are these, which follow the definition's path,
// as far as these go.
func begin(t *testing.T, got []string, path string, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("notes %q; want %q", got, want)
	}
	for i := range got {
		if !strings.HasPrefix(got[i], path+want[i]) {
			t.Errorf("note %q; want %s%s…", got[i], path, want[i])
		}
	}
}

// A definition reads files of its folder and of sailor's ships; what is above
// has to be included.
func TestReadable(t *testing.T) {
	top := writeFiles(t, map[string]string{
		"a/version": "in", "a/deep/version": "deep", "secret": "above", "vars": "packages=included\n", "ships/web/version": "ships", "here/secret": "here",
	})
	if err := os.Symlink("../secret", filepath.Join(top, "a/link")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(top, "here"))
	tests := []struct{ name, conf, want, fault string }{
		{"its folder's", "read packages <version", "in", ""},
		{"below that", "packages=$(<./deep/version)", "deep", ""},
		{"of ships", "read packages <../ships/web/version", "ships", ""},
		{"of ships above", "read packages <ships/web/version", "ships", ""},
		{"none", "read packages <nothing || packages=none", "none", ""},
		{"included from above", ". ../vars", "included", ""},
		{"looked for above", "if [ -f ../secret ]; then packages=there; fi", "there", ""},
		{"above", "read packages <../secret", "", "reads ../secret: a ship file reads files of its own folder and of ships (--allow-host-commands lets it read all)"},
		{"above, by a link", "read packages <link", "", "reads link: "},
		{"above, in a substitution", "packages=$(<../secret)", "", "reads ../secret: "},
		{"of the current folder", "read packages <" + filepath.Join(top, "here/secret"), "", "reads "},
		{"of the host", "read packages </etc/passwd", "", "reads /etc/passwd: "},
		{"in a hook", "run_at_build=\"$(</etc/passwd)\"", "", "reads /etc/passwd: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(top, "a", "ship.conf")
			if err := os.WriteFile(path, []byte("shipname=x\n"+tt.conf+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			s, err := Load(t.Context(), path, Options{})
			if tt.fault != "" {
				if want := path + ":2: " + tt.fault; err == nil || !strings.HasPrefix(err.Error(), want) {
					t.Errorf("error %v; want %s", err, want)
				}
				if _, err := Load(t.Context(), path, Options{AllowHostCommands: true}); err != nil {
					t.Errorf("where the host's commands are allowed: %v", err)
				}
				return
			}
			if got := strings.Join(s.Packages, " "); err != nil || got != tt.want {
				t.Errorf("packages %q, %v; want %s", got, err, tt.want)
			}
		})
	}
}

// The place of a fault in an included file is in the error.
func TestIncludeError(t *testing.T) {
	path := confFile(t, "shipname=x\n. ./more.vars\n")
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "more.vars"), []byte("a=b\n\nls\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Load(t.Context(), path, Options{})
	if want := path + `:2: in ./more.vars:3: command "ls"`; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v; want %s…", err, want)
	}
}

// What is held to limits still does what the shell does.
func TestGuardsChangeNothing(t *testing.T) {
	path := confFile(t, `shipname=x
f() { echo "in $1"; }
false; a=$?
b=$(f there | while read w; do echo "[$w]"; done)
read c <<EOF
from $shipname
EOF
if ! false && [ "$a" = 1 ]; then d=yes; fi
case $d in y*) e=$(f it; echo $(echo deep)) ;; esac
eval "g=\$d; h='>'"
for i in 1 2 3; do j=$j$i; done
( a=inner )
{ k=block; } 2>/dev/null
l=${none:-$d}; . ./more.vars
m=`+"`echo $a`"+`
n=$((a+1)) # end
packages="$a|$b|$c|$d|$e|$g|$h|$j|$k|$l|$m|$n|$o"
`)
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "more.vars"), []byte("o=$(\n echo more\n)"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Load(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields("1|[in there]|from x|yes|in it deep|yes|>|123|block|yes|1|2|more")
	if diff := cmp.Diff(want, s.Packages[:min(len(s.Packages), len(want))]); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
}
