package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMain lets the test's program be any of the commands, by its name.
func TestMain(m *testing.M) {
	name, _ := commandOf(os.Args)
	if _, ok := commands()[name]; ok {
		main()
	}
	os.Exit(m.Run())
}

// install puts the commands into a folder.
func install(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name := range commands() {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// script runs sh, and returns what it wrote and its exit status.
func script(t *testing.T, bin string, args ...string) (string, int) {
	t.Helper()
	c := exec.CommandContext(t.Context(), filepath.Join(bin, "sh"), args...)
	c.Dir = t.TempDir()
	c.Env = []string{"PATH=" + bin}
	out, err := c.CombinedOutput()
	if c.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), c.ProcessState.ExitCode()
}

func TestShell(t *testing.T) {
	bin := install(t)
	for _, c := range []struct {
		name, text, want string
		status           int
	}{
		{"status", "exit 3", "", 3},
		{"name and arguments", `echo "$0 $1 $#"`, "name one 2\n", 0},
		{"umask", "umask 027; umask; mkdir d; ls -ld d | grep -c drwxr-x---", "0027\n1\n", 0},
		{"umask of octal digits only", "umask 999 || echo no", "umask: illegal mask \"999\"\nno\n", 0},
		{"exec takes the shell's place", "echo $$ >pid; exec sh -c 'read x <pid; [ $x = $$ ] && echo same'", "same\n", 0},
		{"the one command of -c does too", "sh -c 'exit 4'", "", 4},
		{"exec in a subshell does not", "(exec echo in); echo out", "in\nout\n", 0},
		{"pipe", `printf 'b\na\nb\n' | sort -u | wc -l`, "       2\n", 0},
		{"carriage returns", `printf "HEAD / HTTP/1.0\r\n\r\n" | wc -c`, "      19\n", 0},
		{"trap", "trap 'echo bye' EXIT; exit 2", "bye\n", 2},
		{"set -e", "set -e; false; echo no", "", 1},
		{"command not found", "no-such-command", "", 127},
		{"here-document", "cat <<X\n$((1 + 2))\nX\n", "3\n", 0},
		{"cd is for programs too", "mkdir d; cd d; pwd | grep -c '/d$'", "1\n", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, status := script(t, bin, "-c", c.text, "name", "one", "two")
			if c.name != "command not found" {
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("output (-want +got):\n%s", diff)
				}
			}
			if status != c.status {
				t.Errorf("exit status %d, want %d", status, c.status)
			}
		})
	}
}

func TestScriptFile(t *testing.T) {
	bin := install(t)
	name := filepath.Join(t.TempDir(), "hello")
	if err := os.WriteFile(name, []byte("#!"+bin+"/sh\necho \"${0##*/} $1\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), name, "you").CombinedOutput()
	if err != nil || string(out) != "hello you\n" {
		t.Errorf("%q, %v; want %q", out, err, "hello you\n")
	}
}

func TestFiles(t *testing.T) {
	bin := install(t)
	for _, c := range []struct{ name, text, want string }{
		{"modes", "touch f; chmod 4755 f; ls -l f | grep -c rwsr-xr-x; chmod u=rw,go-rx f; ls -l f | grep -c rw-------", "1\n1\n"},
		{"copy of a folder", "mkdir -p a/b; echo x >a/b/f; ln -s f a/b/l; cp -R a c; ls -R c", "c:\nb\n\nc/b:\nf\nl\n"},
		{"hard link", "echo x >f; ln f g; echo y >>g; cat f", "x\ny\n"},
		{"move into a folder", "mkdir d; echo x >f; mv f d; cat d/f", "x\n"},
		{"rm keeps folders", "mkdir d; rm d; ls", "d: is a folder\nd\n"},
		{"rm -rf", "mkdir -p d/e; rm -rf d nothing; ls", ""},
		{"tail", `printf '1\n2\n3\n' >f; tail -n 2 f; tail -1 f; head -1 f`, "2\n3\n3\n1\n"},
		{"digest", "printf abc | cksum -a sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n"},
		{"grep", `printf 'one\ntwo\n' | grep -v o$; printf 'one\n' | grep -q two || echo none`, "one\nnone\n"},
		{"sed", `printf '# A: x\nb\n' | sed -n "/^# A: /p"`, "# A: x\n"},
		{"env", "env -i A=1 env", "A=1\n"},
		{"test", "test -d . && [ 1 -lt 2 ] && echo yes", "yes\n"},
		{"unknown option", "ls -y; rm -y", "ls: unknown option -- y\nrm: unknown option -- y\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := script(t, bin, "-c", c.text)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTailFollows reads what is added to a file.
func TestTailFollows(t *testing.T) {
	bin := install(t)
	name := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(name, []byte("first\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), filepath.Join(bin, "tail"), "-f", name)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	b := make([]byte, 100)
	for !strings.Contains(got.String(), "first\n") {
		n, err := out.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		got.Write(b[:n])
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("second\n"); err != nil {
		t.Fatal(err)
	}
	for got.String() != "first\nsecond\n" {
		n, err := out.Read(b)
		if err != nil {
			t.Fatalf("%v after %q", err, got.String())
		}
		got.Write(b[:n])
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
}

func TestParseMode(t *testing.T) {
	for _, c := range []struct {
		text string
		from uint32
		want uint32
	}{
		{"755", 0, 0o755},
		{"1777", 0, 0o1777},
		{"+x", 0o644, 0o755},
		{"g-w,o=", 0o666, 0o640},
		{"u+s", 0o755, 0o4755},
		{"a=rX", 0o600, 0o444},
	} {
		change, err := parseMode(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := modeBits(change(modeOf(c.from))); got != c.want {
			t.Errorf("%s of %#o is %#o, want %#o", c.text, c.from, got, c.want)
		}
	}
	for _, bad := range []string{"", "9", "z+x", "u", "u+z"} {
		if _, err := parseMode(bad); err == nil {
			t.Errorf("%q was taken for a mode", bad)
		}
	}
}
