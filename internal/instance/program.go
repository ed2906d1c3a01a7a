package instance

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/agent"
	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/initramfs"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// initPath is where NetBSD's kernel looks for its init.
const initPath = "/sbin/init"

// AgentPath is a second name of the agent on the root of a NetBSD guest with
// Steps. A step may replace /sbin/init, and a program that runs and has no
// name any more keeps the kernel from making the root read-only.
const AgentPath = "/.fakecracker-agent"

// agentEntries put the agent into a root disk.
func agentEntries(p agent.Program, steps bool) []tree.Entry {
	e := tree.Entry{
		Path:    initPath,
		Type:    tree.File,
		Mode:    0o755,
		ModTime: time.Unix(0, 0).UTC(),
		Size:    p.Size,
		Digest:  p.Digest,
		Content: tree.Content{Host: p.Path},
		Why:     "the agent",
	}
	if !steps {
		return []tree.Entry{e}
	}
	e.Path = AgentPath
	link := tree.Entry{Path: initPath, Type: tree.Hardlink, Link: AgentPath, Mode: e.Mode, ModTime: e.ModTime, Why: e.Why}
	return []tree.Entry{e, link}
}

// unused is how long what can be made again is kept: agents and kernels are
// replaced, and a command that was printed is pasted soon.
const unused = 30 * 24 * time.Hour

// initramfsVersion is raised when the same agent and modules would give
// another archive.
const initramfsVersion = "1"

// initramfsPrefix begins the names of the archives.
const initramfsPrefix = "linux-"

// linuxInitramfs returns the initramfs that brings the agent and the kernel's
// modules into a Linux guest, made once for each pair of them.
func linuxInitramfs(o Options, p agent.Program) (string, error) {
	dir := filepath.Join(o.Home, "cache/initramfs")
	made := append([]string{initramfsVersion, p.Digest}, o.Kernel.Modules...)
	sum := sha256.Sum256([]byte(strings.Join(made, "\n")))
	path := filepath.Join(dir, initramfsPrefix+hex.EncodeToString(sum[:16])+".cpio")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	data, err := os.ReadFile(p.Path)
	if err != nil {
		return "", fmt.Errorf("read the agent: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("keep the initramfs: %w", err)
	}
	if err := atomicfile.Sweep(dir, initramfsPrefix, unused); err != nil {
		o.Logger.Info("remove old initramfs files", "error", err)
	}
	return path, atomicfile.Write(path, 0o644, func(w io.Writer) error {
		return initramfs.Linux(w, data, o.Kernel.Modules)
	})
}
