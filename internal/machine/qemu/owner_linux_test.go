package qemu

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/internal/machine"
)

// ownerEnv holds, in the process that is to be killed, the machine to start.
const ownerEnv = "FAKECRACKER_TEST_OWNER"

// TestOwner is not a test of its own but the owner that TestOwnerKilled kills.
func TestOwner(t *testing.T) {
	text := os.Getenv(ownerEnv)
	if text == "" {
		t.Skip("started by TestOwnerKilled only")
	}
	var m machine.Machine
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	vm, err := new(Driver).Start(t.Context(), m, Options{})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("pid %d\n", vm.PID())
	vm.Wait()
}

// QEMU is gone soon after its owner was killed without any chance to clean up.
func TestOwnerKilled(t *testing.T) {
	m, err := json.Marshal(testMachine(t, "", echo))
	if err != nil {
		t.Fatal(err)
	}
	owner := exec.Command(os.Args[0], "-test.run=^TestOwner$", "-test.v")
	owner.Env = append(os.Environ(), ownerEnv+"="+string(m))
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	defer owner.Wait()
	defer owner.Process.Kill()
	var pid int
	for lines := bufio.NewScanner(out); pid == 0; {
		if !lines.Scan() {
			t.Fatal("the owner has not started its machine")
		}
		fmt.Sscanf(lines.Text(), "pid %d", &pid)
	}
	if !alive(pid) {
		t.Fatalf("QEMU, process %d, is not there", pid)
	}
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
	if !alive(vm.PID()) {
		t.Errorf("ended: %s", vm.Wait())
	}
}
