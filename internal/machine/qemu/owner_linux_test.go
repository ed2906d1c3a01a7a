package qemu

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/internal/machine"
)

// ownerEnv holds, in the process that is to be killed, the machine to start.
const ownerEnv = "FAKECRACKER_TEST_OWNER"

// TestOwner is not a test of its own but the owner that others kill.
func TestOwner(t *testing.T) {
	text := os.Getenv(ownerEnv)
	if text == "" {
		t.Skip("started by startOwner only")
	}
	var m machine.Machine
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	vm, err := new(Driver).Start(t.Context(), m, Options{})
	if err != nil {
		t.Fatal(err)
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	fmt.Printf("pid %d\n", vm.cmd.Process.Pid)
	<-interrupted
	if err := ask(vm); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("end %s\n", vm.Kill())
}

// startOwner starts a process that starts a machine, in a process group of its
// own, and returns it, QEMU's number, and what the owner says next.
func startOwner(t *testing.T) (owner *exec.Cmd, qemu int, lines *bufio.Scanner) {
	t.Helper()
	m, err := json.Marshal(testMachine(t, "", echo))
	if err != nil {
		t.Fatal(err)
	}
	owner = exec.Command(os.Args[0], "-test.run=^TestOwner$", "-test.v")
	owner.Env = append(os.Environ(), ownerEnv+"="+string(m))
	owner.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { owner.Process.Kill(); owner.Wait() })
	for lines = bufio.NewScanner(out); qemu == 0; {
		if !lines.Scan() {
			t.Fatal("the owner has not started its machine")
		}
		fmt.Sscanf(lines.Text(), "pid %d", &qemu)
	}
	if !alive(qemu) {
		t.Fatalf("QEMU, process %d, is not there", qemu)
	}
	return owner, qemu, lines
}

// QEMU is gone soon after its owner was killed without any chance to clean up.
func TestOwnerKilled(t *testing.T) {
	owner, pid, _ := startOwner(t)
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	limit := time.Now().Add(5 * time.Second) // 50 ms, on a quiet host
	for alive(pid) {
		if time.Now().After(limit) {
			t.Fatalf("QEMU, process %d, has outlived its owner", pid)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// A signal to the owner's process group, as Ctrl-C sends it, is the owner's
// alone: QEMU runs until the owner ends it.
func TestOwnerInterrupted(t *testing.T) {
	owner, pid, lines := startOwner(t)
	if group, err := syscall.Getpgid(pid); err != nil || group != pid {
		t.Errorf("QEMU, process %d, is in group %d, %v; want its own", pid, group, err)
	}
	if err := syscall.Kill(-owner.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || lines.Text() != "end stopped" {
		t.Errorf("the owner said %q; want that it stopped the machine", lines.Text())
	}
}

// QEMU gets none of the variables that aren't for it.
func TestEnvironment(t *testing.T) {
	t.Setenv("FAKECRACKER_TEST_SECRET", "token")
	vm := start(t, testMachine(t, "", echo), Options{})
	got, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", vm.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(got, []byte("PATH=")) || bytes.Contains(got, []byte("SECRET")) {
		t.Errorf("QEMU's environment is %q", got)
	}
}

// alive says whether pid is a QEMU that runs. One that waits for somebody to
// ask how it ended doesn't (proc_pid_stat(5)).
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil || !bytes.Contains(stat, []byte("qemu")) {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// The thread that QEMU hangs on lives while other goroutines come and go.
func TestOwnerThread(t *testing.T) {
	vm := start(t, testMachine(t, "", echo), Options{})
	for range 100 {
		done := make(chan struct{})
		go func() { // a thread that ends with its goroutine
			defer close(done)
			runtime.LockOSThread()
		}()
		<-done
	}
	if !alive(vm.cmd.Process.Pid) {
		t.Errorf("ended: %s", vm.Wait())
	}
}
