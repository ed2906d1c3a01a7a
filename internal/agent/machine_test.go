package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/internal/agent"
	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

// A machine is a running QEMU.
type machine struct {
	root                  string // the disk's file
	cmd                   *exec.Cmd
	console               bytes.Buffer // to be read after wait
	linePort, servicePort int
	ended                 chan struct{} // closed when err is set
	err                   error
}

func (g guest) boot(t *testing.T, c wire.Config) *machine {
	t.Helper()
	disk, err := wire.EncodeConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	return g.bootDisk(t, disk)
}

func (g guest) bootDisk(t *testing.T, config []byte) *machine {
	t.Helper()
	dir := t.TempDir()
	disk := filepath.Join(dir, "config")
	if err := os.WriteFile(disk, config, 0o600); err != nil {
		t.Fatal(err)
	}
	m := &machine{root: filepath.Join(dir, "root"), linePort: freePort(t), servicePort: freePort(t), ended: make(chan struct{})}
	args := append(g.arguments(t, dir, agentFor(t, g.target)),
		"-accel", "tcg", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-m", "256", "-serial", "stdio", "-rtc", "base=2001-01-01",
		"-drive", "if=none,id=root,format=raw,file="+filepath.Join(dir, "root"),
		"-drive", "if=none,id=config,format=raw,readonly=on,file="+disk,
		"-device", g.device("blk")+",drive=root",
		"-device", g.device("blk")+",drive=config",
		"-netdev", fmt.Sprintf("user,id=net0,hostfwd=tcp:127.0.0.1:%d-:%d,hostfwd=tcp:127.0.0.1:%d-:8080", m.linePort, wire.DefaultPort, m.servicePort),
		"-device", g.device("net")+",netdev=net0,mac="+mac)
	ctx, cancel := context.WithTimeout(context.Background(), bootTime)
	m.cmd = exec.CommandContext(ctx, g.qemu, args...)
	m.cmd.Stdout, m.cmd.Stderr = &m.console, &m.console
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(m.ended)
		m.err = m.cmd.Wait()
	}()
	t.Cleanup(func() {
		cancel()
		<-m.ended
	})
	return m
}

// connect opens the line, as often as it takes: QEMU's user network accepts
// before the guest does.
func (m *machine) connect(t *testing.T, key []byte) *agent.Line {
	t.Helper()
	for {
		line, err := m.dial(t.Context(), key)
		if err == nil {
			t.Cleanup(func() { _ = line.Close() })
			return line
		}
		select {
		case <-m.ended:
			t.Fatalf("QEMU ended (%v) before the line was open (%v):\n%s", m.err, err, m.console.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// bootTimes asks for the times on a line of its own: the first line's hello
// may be from between the address, by which the host finds the guest, and the
// note of its time.
func (m *machine) bootTimes(t *testing.T, key []byte) wire.Times {
	t.Helper()
	line := m.connect(t, key)
	defer line.Close()
	return line.Hello().Times
}

func (m *machine) dial(ctx context.Context, key []byte) (*agent.Line, error) {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", m.linePort))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return agent.Connect(ctx, conn, key)
}

// facts asks the service.
func (m *machine) facts(t *testing.T) map[string]any {
	t.Helper()
	for {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", m.servicePort))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(conn)
		_ = conn.Close()
		var got map[string]any
		if err == nil && json.Unmarshal(text, &got) == nil {
			return got
		}
		select {
		case <-m.ended:
			t.Fatalf("QEMU ended before the service answered:\n%s", m.console.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// wait waits for the guest's own end.
func (m *machine) wait(t *testing.T) {
	t.Helper()
	<-m.ended
	if m.err != nil {
		t.Fatalf("QEMU: %v\n%s", m.err, m.console.String())
	}
}

func next(t *testing.T, line *agent.Line) wire.Message {
	t.Helper()
	m, err := line.Next(t.Context())
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal("the guest hung up")
	}
	return m
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
