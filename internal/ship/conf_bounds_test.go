package ship

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

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
