package ship

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares s with the file, after taking dir out of its paths.
func golden(t *testing.T, file, dir string, s any) {
	t.Helper()
	b, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.ReplaceAll(string(b), dir, "DIR") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// conf writes a definition into a folder of its own.
func confFile(t testing.TB, text string) string {
	t.Helper()
	return filepath.Join(writeFiles(t, map[string]string{"ship.conf": text}), "ship.conf")
}

// The ship that the project began with, read from where it is kept.
func TestLoadArticle(t *testing.T) {
	dir, err := filepath.Abs("../../../shared/article")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the article isn't beside this repository")
	}
	s, err := Load(t.Context(), filepath.Join(dir, "test.conf"), Options{Home: "/home/me"})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/article.golden", dir, s)
}

func TestLoadGolden(t *testing.T) {
	confs, err := filepath.Glob("testdata/*/*.conf")
	if err != nil || len(confs) == 0 {
		t.Fatalf("no definitions in testdata: %v", err)
	}
	for _, path := range confs {
		t.Run(filepath.Base(path), func(t *testing.T) {
			s, err := Load(t.Context(), path, Options{Home: "/home/me"})
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(path, ".conf")+".golden", "testdata", s)
		})
	}
}

func TestLoadFolder(t *testing.T) {
	path := confFile(t, "shipname=web\npackages=nginx\n")
	s, err := Load(t.Context(), filepath.Dir(path), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "web" || s.File != path || s.Dir != filepath.Dir(path) {
		t.Errorf("Load = %+v; want the ship.conf in the folder", s)
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct {
		name, path, want string
	}{
		{"nothing there", filepath.Join(dir, "none"), "no such ship: " + filepath.Join(dir, "none") + " (a folder with a definition, a .conf file, a Dockerfile, or a program)"},
		{"an empty folder", t.TempDir(), "no ship.conf, Dockerfile or SMOLerfile in this folder"},
		{"an empty Dockerfile", filepath.Dir(write("d/Dockerfile", "\n# nothing\n")), "d/Dockerfile:2: file with no instructions"},
		{"a long Dockerfile", write("SMOLerfile.long", strings.Repeat("# long\n", 50_000)), "too long for a Dockerfile"},
		{"a Dockerfile that is no text", write("Dockerfile.bin", "FROM base\n\xff\n"), "not a text in UTF-8"},
		{"a picture", write("p.png", "\x89PNG\x00\x00"), "neither a .conf file nor a program"},
		{"a long text", write("long.conf", strings.Repeat("# long\n", 50_000)), "too long for a .conf file"},
		{"a device", os.DevNull, "neither a file nor a folder"},
		{"half a program", write("half", "\x7fELF\x01\x01"), "half"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(t.Context(), tt.path, Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v; want one line with %q", err, tt.want)
			}
		})
	}
}

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
		{"a signal", "shipname=x\nstopsignal=HUP\n", []string{":2: stopsignal: kept with the image: a service is stopped by SIGTERM"}},
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

// What would take for ever or all memory ends with an error.
func TestConfBounds(t *testing.T) {
	tests := []struct {
		name, conf, want string
	}{
		{"loop", "while :; do :; done\n", ":2: stopped: more than"},
		{"loop of nothing", "while x=1; do x=2; done\n", ":2: stopped: "},
		{"doubling", "x=0123456789\n" + strings.Repeat("x=$x$x\n", 60), "of variables"},
		{"output", "x=0123456789\nx=$x$x$x$x$x$x$x$x\nx=$x$x$x$x$x$x$x$x$x$x$x$x$x\ny=$(while :; do echo $x; done)\n", "MiB of words"},
		{"width", "y=$(printf %999999999d 1)\n", "too wide"},
		{"width in a variable", "y=$(printf '%*d' 999999999 1)\n", "too wide"},
		{"recursion", "f() { f; }\nf\n", "stopped"},
		{"doubling in a loop", "a=xxxxxxxxxxxxxxxx; while :; do a=$a$a; done\n", ":2: stopped: it would expand to"},
		{"doubling in a condition", "a=xxxxxxxxxxxxxxxx\nwhile a=$a$a; do :; done\n", ":3: stopped: it would expand to"},
		{"appending in a loop", "a=xxxxxxxxxxxxxxxx; while :; do a+=$a; done\n", "it would expand to"},
		{"doubling in eval", "a=xxxxxxxxxxxxxxxx; eval 'while :; do a=$a$a; done'\n", "it would expand to"},
		{"doubling in a function", "f() { a=$a$a; f; }\na=xxxxxxxxxxxxxxxx\nf\n", "it would expand to"},
		{"doubling in a subshell", "a=xxxxxxxxxxxxxxxx\nb=$(while :; do a=$a$a; done)\n", "it would expand to"},
		{"doubling exported", "a=xxxxxxxxxxxxxxxx\nwhile :; do export a=$a$a; done\n", "it would expand to"},
		{"doubling arguments", "set -- xxxxxxxxxxxxxxxx\nwhile :; do set -- \"$@\" \"$@\"; done\n", "stopped: "},
		{"many variables", "a=" + strings.Repeat("x", 100_000) + "\nwhile :; do n=x$n; eval $n=\\$a; done\n", "of variables"},
		{"one statement", "a=" + strings.Repeat("x", 100_000) + "\nb=" + strings.Repeat("$a", 50_000) + "\n", ":3: stopped: it would expand to"},
		{"one here-document", "a=" + strings.Repeat("x", 100_000) + "\nread b <<EOF\n" + strings.Repeat("$a", 50_000) + "\nEOF\n", ":3: stopped: it would expand to"},
		{"words of a loop", "a=" + strings.Repeat("x", 100_000) + "\nfor b in " + strings.Repeat("$a ", 40_000) + "; do :; done\n", ":3: stopped: it would expand to"},
		{"listing all in a loop", "a=" + strings.Repeat("x", 200_000) + "\nb=$(while :; do set; done)\n", "stopped: "},
		{"wide fields", "y=$(printf '" + strings.Repeat("%9999d", 30_000) + "')\n", "too wide"},
		{"replacing", "a=x\na=${a//x/$a$a}\n", ":3: ${a/b/c} is not sh"},
		{"folders without end", ": " + strings.Repeat("* ", 50_000) + "\n", "files opened"},
		{"includes itself", ". ./ship.conf\n", "files opened"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := confFile(t, "shipname=x\n"+tt.conf)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Load(t.Context(), path, Options{})
			runtime.ReadMemStats(&after)
			if used := (after.Sys - before.Sys) >> 20; used > 256 {
				t.Errorf("it took %d MiB", used)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want one with %q", err, tt.want)
			}
		})
	}
}

func TestGuest(t *testing.T) {
	tests := []struct {
		name, conf string
		asked      image.Guest
		want       image.Guest
		packages   string
	}{
		{"not said", "", image.Guest{}, image.Guest{}, "NetBSD-i386-i386"},
		{"asked for", "", image.Guest{OS: "linux", Arch: "amd64"}, image.Guest{OS: "linux", Arch: "amd64"}, "Linux-x86_64-x86_64"},
		{"said", "guest=linux\n", image.Guest{}, image.Guest{OS: "linux"}, "Linux-i686-i686"},
		{"said in full", "guest=netbsd/x86_64\n", image.Guest{}, image.Guest{OS: "netbsd", Arch: "amd64"}, "NetBSD-amd64-x86_64"},
		{"asked for over said", "guest=netbsd/i386\n", image.Guest{Arch: "amd64"}, image.Guest{OS: "netbsd", Arch: "amd64"}, "NetBSD-amd64-x86_64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := confFile(t, "shipname=x\npackages=${OS}-$(uname -m)-$(uname -p)\n"+tt.conf)
			s, err := Load(t.Context(), path, Options{Guest: tt.asked})
			if err != nil {
				t.Fatal(err)
			}
			if s.Guest != tt.want || s.Packages[0] != tt.packages {
				t.Errorf("guest %v, packages %v; want %v, %v", s.Guest, s.Packages, tt.want, tt.packages)
			}
		})
	}
}

func TestEnviron(t *testing.T) {
	path := confFile(t, "shipname=x\npackages=\"$FLAVOUR $HOME\"\n")
	s, err := Load(t.Context(), path, Options{Home: "/h", Environ: []string{"FLAVOUR=light", "services=evil", "HOME=/other"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"light", "/h"}, s.Packages); diff != "" || len(s.Services) != 0 {
		t.Errorf("services %v, packages (-want +got):\n%s", s.Services, diff)
	}
}

func TestAllowHostCommands(t *testing.T) {
	path := confFile(t, "shipname=x\npackages=$(/bin/echo from the host)\n")
	s, err := Load(t.Context(), path, Options{AllowHostCommands: true, Environ: []string{"PATH=/bin:/usr/bin"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.Packages, " "); got != "from the host" {
		t.Errorf("packages %q", got)
	}
}

func TestOverlays(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"examples", "ships/common/all", "ships/common/NetBSD", "ships/common/Linux", "ships/web", "ships/other"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(root, "examples", "web.conf")
	if err := os.WriteFile(path, []byte("shipname=web\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Load(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ships := filepath.Join(root, "ships")
	want := []Overlay{{ships + "/common/all", true}, {ships + "/common/NetBSD", true}, {ships + "/web", false}}
	if diff := cmp.Diff(want, s.Overlays); diff != "" {
		t.Errorf("overlays (-want +got):\n%s", diff)
	}
	t.Chdir(filepath.Dir(path))
	if s, err = Load(t.Context(), "./web.conf", Options{}); err != nil || len(s.Overlays) != len(want) || s.Overlays[2].Dir != "../ships/web" {
		t.Errorf("overlays from the definition's folder: %v, %v", s.Overlays, err)
	}
}

// A folder that leads out of the ship's would copy the host's files.
func TestOverlayOutside(t *testing.T) {
	path := confFile(t, "\nshipname=web\n")
	ships := filepath.Join(filepath.Dir(path), "ships")
	if err := os.Mkdir(ships, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc", filepath.Join(ships, "web")); err != nil {
		t.Fatal(err)
	}
	_, err := Load(t.Context(), path, Options{})
	if want := path + ":2: overlay " + filepath.Join(ships, "web") + ": it leads to /etc: only files of"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v; want %s…", err, want)
	}
}

// A pipe that nobody writes to would be waited for.
func TestFIFO(t *testing.T) {
	for _, conf := range []string{". ./pipe\n", "read x < pipe\n", "x=$(< pipe)\n", "program=./pipe\n"} {
		path := confFile(t, "shipname=x\n"+conf)
		if err := syscall.Mkfifo(filepath.Join(filepath.Dir(path), "pipe"), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err := Load(ctx, path, Options{})
		cancel()
		if reads := strings.HasPrefix(conf, ".") || strings.HasPrefix(conf, "program"); reads && err == nil {
			t.Errorf("%q: no error", conf)
		}
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readHead(pipe); err == nil || !strings.Contains(err.Error(), "not a file") {
		t.Errorf("readHead of a pipe: %v", err)
	}
}

func FuzzConf(f *testing.F) {
	confs, err := filepath.Glob("testdata/*/*.conf")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range confs {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("shipname=x\nfor i in 1 2 3; do packages=\"$packages p$i\"; done\ncase $(uname -s) in NetBSD) expose=80;; esac\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(dir, "ship.conf")
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		s, err := loadConf(ctx, path, text, Options{Home: "/home/me"})
		if err == nil && !validName(s.Name) {
			t.Errorf("a ship named %q", s.Name)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("left in the folder: %v, %v", left, err)
		}
	})
}
