//go:build linux && amd64

package store_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/fakecracker/fakecracker/internal/image/store"
)

// TestKilledAnywhere kills a process before each of the system calls by which
// it changes files: whatever was done until then, the images that were there
// are whole, the new one is whole or not there, the same command works
// afterwards, and Prune leaves nothing that a process that lived would not.
//
// To be quick it kills at some 8 of the calls; all with FAKECRACKER_TEST_SOAK.
func TestKilledAnywhere(t *testing.T) {
	reg := serve(t, nil)
	archive := filepath.Join(t.TempDir(), "foreign.tar")
	files := bundleOf(t, lowerTar(t), foreignTar(t))
	if err := os.WriteFile(archive, archiveOf(t, files), 0o600); err != nil {
		t.Fatal(err)
	}
	remote := reg.addr + "/new:1"
	push(t, unpack(t, archiveOf(t, files)), remote)
	from := prepared(t)
	for _, r := range []request{
		{Op: "create", Ref: "new"},
		{Op: "load", Ref: "new", From: archive},
		{Op: "pull", Ref: "new", From: remote},
		{Op: "save", Ref: "old"},
		{Op: "tag", Ref: "new", From: "old"},
		{Op: "remove", Ref: "second"},
		{Op: "prune"},
	} {
		t.Run(r.Op, func(t *testing.T) {
			r.Dir = copied(t, from).Dir
			total, killed := run(t, r, 0)
			if killed || total == 0 {
				t.Fatalf("%d system calls, killed: %v", total, killed)
			}
			want := pruned(t, &store.Store{Dir: r.Dir})
			step := max(1, total/8)
			if os.Getenv("FAKECRACKER_TEST_SOAK") != "" {
				step = 1
			}
			for n := 1; n <= total; n += step {
				killAt(t, from, r, n, want)
			}
		})
	}
}

// prepared is a store with images: old, second, and one without a name.
func prepared(t *testing.T) *store.Store {
	t.Helper()
	s := newStore(t)
	create(t, s, draft("old"))
	for _, name := range []string{"second", "third"} {
		r := request{Dir: s.Dir, Op: "create", Ref: name}
		if err := r.do(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Untag(t.Context(), "third"); err != nil {
		t.Fatal(err)
	}
	return s
}

func copied(t *testing.T, from *store.Store) *store.Store {
	t.Helper()
	s := newStore(t)
	if err := os.CopyFS(s.Dir, os.DirFS(from.Dir)); err != nil {
		t.Fatal(err)
	}
	return s
}

// killAt does the request in a process that is killed before its nth call, and
// looks at what that left.
func killAt(t *testing.T, from *store.Store, r request, n int, want []string) {
	t.Helper()
	s := copied(t, from)
	r.Dir = s.Dir
	if _, killed := run(t, r, n); !killed {
		return // the number of calls differs by some from run to run
	}
	if _, err := s.List(t.Context()); err != nil {
		t.Errorf("killed at call %d: %v", n, err)
	}
	for _, ref := range []string{"old", "second", "new"} {
		_, err := s.Find(t.Context(), ref)
		gone := errors.Is(err, store.ErrUnknown) && (ref == "new" || ref == r.Ref)
		if !gone {
			whole(t, s, ref)
		}
	}
	if err := r.do(t.Context()); err != nil && !(r.Op == "remove" && errors.Is(err, store.ErrUnknown)) {
		t.Errorf("killed at call %d: the next time: %v", n, err)
	}
	if diff := cmp.Diff(want, pruned(t, s)); diff != "" {
		t.Errorf("killed at call %d: after Prune (-want +got):\n%s", n, diff)
	}
}

// pruned lists all that is in a store after Prune.
func pruned(t *testing.T, s *store.Store) []string {
	t.Helper()
	if _, err := s.Prune(t.Context()); err != nil {
		t.Error(err)
	}
	var all []string
	err := fs.WalkDir(os.DirFS(s.Dir), ".", func(p string, _ fs.DirEntry, err error) error {
		all = append(all, p)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// changing are the system calls that change files.
var changing = []uint64{
	unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_COPY_FILE_RANGE, unix.SYS_FTRUNCATE, unix.SYS_FSYNC, unix.SYS_FCHMOD, unix.SYS_FCHMODAT,
	unix.SYS_RENAME, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT, unix.SYS_MKDIRAT, unix.SYS_UNLINKAT, unix.SYS_FLOCK,
}

// run has a child do the request, under ptrace(2), and kills it before the nth
// of the calls that change files; 0: never. It returns how many there were.
func run(t *testing.T, r request, n int) (calls int, killed bool) {
	t.Helper()
	runtime.LockOSThread() // the thread that traces is the one that started the child
	defer runtime.UnlockOSThread()
	said, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(r.env(), "GODEBUG=asyncpreemptoff=1"), said
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true}
	if err := cmd.Start(); errors.Is(err, fs.ErrPermission) {
		t.Skip("processes may not be traced here")
	} else if err != nil {
		t.Fatal(err)
	}
	tr := tracer{pid: cmd.Process.Pid, inside: map[int]bool{}}
	status := tr.follow(t, n)
	if status.Exited() && status.ExitStatus() != 0 {
		b, _ := os.ReadFile(said.Name())
		t.Fatalf("%s: %s", r.Op, bytes.TrimSpace(b))
	}
	return tr.calls, status.Signaled()
}

// A tracer counts the calls of a child with all its threads.
type tracer struct {
	pid    int
	inside map[int]bool // threads that are in a call
	calls  int
}

func (tr *tracer) follow(t *testing.T, n int) syscall.WaitStatus {
	t.Helper()
	first := true
	for {
		var ws syscall.WaitStatus
		tid, err := syscall.Wait4(-tr.pid, &ws, syscall.WALL, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if !ws.Stopped() {
			if tid == tr.pid {
				return ws
			}
			continue
		}
		if first {
			first = false
			if err := syscall.PtraceSetOptions(tid, syscall.PTRACE_O_TRACESYSGOOD|syscall.PTRACE_O_TRACECLONE|unix.PTRACE_O_EXITKILL); err != nil {
				t.Fatal(err)
			}
		}
		if tr.stopped(tid, ws) && tr.calls == n {
			_ = syscall.Kill(tr.pid, syscall.SIGKILL) // it is there: it was not waited for
			continue
		}
		_ = syscall.PtraceSyscall(tid, tr.signal(ws)) // one that was just killed tells by Wait4
	}
}

// stopped notes why a thread stopped, and reports whether it is about to
// change a file.
func (tr *tracer) stopped(tid int, ws syscall.WaitStatus) bool {
	const atCall = syscall.SIGTRAP | 0x80 // by PTRACE_O_TRACESYSGOOD
	if ws.StopSignal() != atCall {
		return false
	}
	tr.inside[tid] = !tr.inside[tid]
	var regs syscall.PtraceRegs
	if !tr.inside[tid] || syscall.PtraceGetRegs(tid, &regs) != nil {
		return false
	}
	opens := regs.Orig_rax == unix.SYS_OPENAT && regs.Rdx&unix.O_CREAT != 0
	if !opens && !slices.Contains(changing, regs.Orig_rax) {
		return false
	}
	tr.calls++
	return true
}

// signal is the one that a thread is to get: none that is about tracing.
func (tr *tracer) signal(ws syscall.WaitStatus) int {
	switch s := ws.StopSignal(); s &^ 0x80 {
	case syscall.SIGTRAP, syscall.SIGSTOP:
		return 0
	default:
		return int(s)
	}
}

// TestSeveralProcesses: what others remove at the same time is never of an
// image that has a name.
func TestSeveralProcesses(t *testing.T) {
	reg := serve(t, nil)
	archive := filepath.Join(t.TempDir(), "foreign.tar")
	files := bundleOf(t, lowerTar(t), foreignTar(t))
	if err := os.WriteFile(archive, archiveOf(t, files), 0o600); err != nil {
		t.Fatal(err)
	}
	push(t, unpack(t, archiveOf(t, files)), reg.addr+"/theirs:1")
	s := prepared(t)
	var children []*exec.Cmd
	for _, r := range []request{
		{Op: "create", Ref: "a"},
		{Op: "create", Ref: "b"},
		{Op: "prune"},
		{Op: "load", Ref: "c", From: archive},
		{Op: "pull", Ref: "d", From: reg.addr + "/theirs:1"},
		{Op: "save", Ref: "old"},
		{Op: "tag", Ref: "e", From: "second"},
		{Op: "prune"},
	} {
		r.Dir, r.Times = s.Dir, 8
		cmd := exec.Command(os.Args[0])
		cmd.Env, cmd.Stderr = r.env(), &strings.Builder{}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		children = append(children, cmd)
	}
	for _, cmd := range children {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, cmd.Stderr)
		}
	}
	for _, ref := range []string{"old", "second", "a", "b", "c", "d", "e"} {
		whole(t, s, ref)
	}
	for _, ref := range []string{"a", "b", "c", "d", "e", "second"} {
		if err := s.Remove(t.Context(), ref, false); err != nil {
			t.Error(err)
		}
	}
	want := newStore(t)
	create(t, want, draft("old"))
	if diff := cmp.Diff(pruned(t, want), pruned(t, s)); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
}
