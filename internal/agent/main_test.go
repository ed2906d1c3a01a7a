package agent_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/fakecracker/fakecracker/internal/agent"
)

// programs is what all guests of the tests are given, built once for each
// target.
var programs struct {
	sync.Mutex
	dir string
}

func TestMain(m *testing.M) {
	code, err := inFolder(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func inFolder(run func() int) (int, error) {
	dir, err := os.MkdirTemp("", "agent-test-*")
	if err != nil {
		return 0, err
	}
	programs.dir = dir
	code := run()
	return code, os.RemoveAll(dir)
}

// agentFor returns the guest's program.
func agentFor(t *testing.T, target agent.Target) []byte {
	t.Helper()
	programs.Lock()
	defer programs.Unlock()
	p, err := agent.ProgramFor(t.Context(), target.OS, target.Arch, programs.dir)
	if err != nil {
		t.Fatal(err)
	}
	return readFile(t, p.Path)
}

// serviceFor returns ./testdata/service. Its flags are the agent's, so that
// the standard library is compiled once for both.
func serviceFor(t *testing.T, target agent.Target) []byte {
	t.Helper()
	programs.Lock()
	defer programs.Unlock()
	out := filepath.Join(programs.dir, "service-"+target.String())
	if _, err := os.Stat(out); err == nil {
		return readFile(t, out)
	}
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", out, "./testdata/service")
	build.Env = append(os.Environ(), "GOOS="+target.OS, "GOARCH="+target.Arch, "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return readFile(t, out)
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
