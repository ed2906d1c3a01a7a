package kernel

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakeBuild behaves as build.sh(8) does towards its caller: it makes tools
// and a kernel below its -T and -O folders, and says so.
const fakeBuild = `#!/bin/sh
echo "$@" >> args
while getopts Uuj:m:O:T:V: o; do
	case $o in m) m=$OPTARG;; O) obj=$OPTARG;; T) tools=$OPTARG;; esac
done
shift $((OPTIND - 1))
echo "===> build.sh command:    ./build.sh"
for op; do
	case $op in
	tools)
		echo "===> Bootstrapping nbmake"
		mkdir -p "$tools/bin"
		touch "$tools/bin/nbmake-$m" "$tools/bin/nbconfig"
		;;
	kernel=*)
		conf=${op#kernel=}
		case $conf in /*) ;; *) conf=sys/arch/$m/conf/$conf;; esac
		name=$(basename "$conf")
		echo "===> Building kernel $name"
		if grep -q hang "$conf"; then
			sh -c 'trap "" TERM; echo $$ > child; while :; do sleep 0.1; done' &
			wait
		fi
		if grep -q broken "$conf"; then
			echo "../../conf/x.c:3:1: error: unknown type name"
			echo "*** Failed target: x.o" >&2
			exit 1
		fi
		grep -q nothing "$conf" && exit 0
		dir=$obj/sys/arch/$m/compile/$name
		mkdir -p "$dir"
		cp kernel "$dir/netbsd"
		echo "===> Kernels built from $name:"
		echo "===>   $dir/netbsd"
		;;
	esac
done
echo "===> ."
`

// haveCompilers puts programs by the names of the compilers into PATH, where
// there are none: the trees' build.sh compiles nothing.
func haveCompilers(t *testing.T) {
	t.Helper()
	if compilers() == nil {
		return
	}
	dir := t.TempDir()
	for _, name := range []string{"cc", "c++"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// fakeTree makes a source tree with fakeBuild and a configuration NAME.
func fakeTree(t *testing.T, config string) BuildOptions {
	t.Helper()
	haveCompilers(t)
	src := t.TempDir()
	conf := filepath.Join(src, "sys", "arch", "i386", "conf")
	if err := os.MkdirAll(conf, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, f := range map[string]struct {
		data []byte
		mode os.FileMode
	}{
		filepath.Join(src, "build.sh"): {[]byte(fakeBuild), 0o755},
		filepath.Join(src, "kernel"):   {netbsdI386().build(), 0o644},
		filepath.Join(conf, "SMALL"):   {[]byte(config), 0o644},
	} {
		if err := os.WriteFile(path, f.data, f.mode); err != nil {
			t.Fatal(err)
		}
	}
	return BuildOptions{Src: src, Arch: "i386", ConfigFile: "SMALL", Dir: filepath.Join(t.TempDir(), "build"), Jobs: 3}
}

func TestBuild(t *testing.T) {
	o := fakeTree(t, "include std")
	var log bytes.Buffer
	var steps []string
	o.Log, o.Progress = &log, func(s string) { steps = append(steps, s) }
	o.Vars = []string{"MKDEBUG=no"}
	path, err := Build(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if i, err := Inspect(path); err != nil || i.CanBoot("pc") != nil {
		t.Errorf("Inspect(%s) = %+v, %v", path, i, err)
	}
	want := []string{"build.sh command:    ./build.sh", "Bootstrapping nbmake", "Building kernel SMALL"}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Errorf("steps: -want +got\n%s", diff)
	}
	if !strings.Contains(log.String(), "===> Bootstrapping nbmake\n") {
		t.Errorf("log:\n%s", log.String())
	}
	// With the tools there, and a configuration from elsewhere.
	o.ConfigFile = writeFile(t, []byte("include std"))
	if _, err := Build(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	args, err := os.ReadFile(filepath.Join(o.Src, "args"))
	if err != nil {
		t.Fatal(err)
	}
	common := "-U -u -j 3 -m i386 -O " + o.Dir + "/obj.i386 -T " + o.Dir + "/tools -V MKDEBUG=no "
	if diff := cmp.Diff(common+"tools kernel=SMALL\n"+common+"kernel="+o.ConfigFile+"\n", string(args)); diff != "" {
		t.Errorf("arguments: -want +got\n%s", diff)
	}
}

func TestBuildErrors(t *testing.T) {
	tests := []struct {
		name, config string
		change       func(*BuildOptions)
		want         string
	}{
		{"compile error", "broken", func(*BuildOptions) {}, "build kernel SMALL: build.sh (Building kernel SMALL): exit status 1: ../../conf/x.c:3:1: error: unknown type name"},
		{"no kernel", "nothing", func(*BuildOptions) {}, "without an error, but there is no "},
		{"no tree", "", func(o *BuildOptions) { o.Src = "/etc" }, "/etc: not a NetBSD source tree: no build.sh"},
		{"no configuration", "", func(o *BuildOptions) { o.ConfigFile = "TINY" }, "there is no "},
		{"architecture", "", func(o *BuildOptions) { o.Arch = "vax" }, `architecture "vax": only i386 and amd64 are supported`},
		{"no folder", "", func(o *BuildOptions) { o.Dir = "" }, "no folder to build in"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := fakeTree(t, tt.config)
			tt.change(&o)
			_, err := Build(context.Background(), o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Build = %v, want %s", err, tt.want)
			}
		})
	}
}

func TestBuildNoCompiler(t *testing.T) {
	o := fakeTree(t, "")
	t.Setenv("PATH", t.TempDir())
	if _, err := Build(context.Background(), o); err == nil || !strings.Contains(err.Error(), "there is no compiler cc") {
		t.Errorf("Build = %v", err)
	}
}

// TestBuildStops checks that nothing that build.sh started is left, even when
// it ignores the first signal.
func TestBuildStops(t *testing.T) {
	o := fakeTree(t, "hang")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := Build(ctx, o)
		done <- err
	}()
	pid := waitPID(t, filepath.Join(o.Src, "child"))
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Build = %v", err)
	}
	for deadline := time.Now().Add(10 * time.Second); alive(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d is still there", pid)
		}
	}
}

// TestBuildOfTheKilled kills the process that builds: nothing that build.sh
// started may outlive it.
func TestBuildOfTheKilled(t *testing.T) {
	const variable = "FAKECRACKER_TEST_BUILD"
	if src := os.Getenv(variable); src != "" { // we are the process to kill
		_, err := Build(context.Background(), BuildOptions{Src: src, Arch: "i386", ConfigFile: "SMALL", Dir: filepath.Join(src, "out")})
		t.Fatal(err)
	}
	o := fakeTree(t, "hang")
	cmd := exec.Command(os.Args[0], "-test.run=^TestBuildOfTheKilled$")
	cmd.Env = append(os.Environ(), variable+"="+o.Src)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := waitPID(t, filepath.Join(o.Src, "child"))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // "signal: killed"
	for deadline := time.Now().Add(30 * time.Second); alive(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d is still there", pid)
		}
	}
}

func waitPID(t *testing.T, path string) int {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
			return pid
		}
	}
	t.Fatal("the build did not start")
	return 0
}

// alive reports whether a process runs. One that ended and waits for a parent
// does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(b), ") Z ")
}
