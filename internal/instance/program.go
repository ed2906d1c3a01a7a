package instance

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/agent"
	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/initramfs"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// A program is the agent's binary for a guest, unpacked in the cache, so that
// a start costs a look at a folder. Its name there tells all about it:
// <os>-<arch>-<hash of the source>-<hex SHA-256 of the file>.
type program struct {
	path   string
	source string // hash
	digest string // "sha256:" and hex
	size   int64
}

// agentProgram returns the agent for the guest of o.
func agentProgram(ctx context.Context, o Options) (program, error) {
	source, err := agent.SourceHash()
	if err != nil {
		return program{}, err
	}
	dir := filepath.Join(o.Home, "cache/agent")
	g := o.Image.Guest
	prefix := filepath.Join(dir, g.OS+"-"+g.Arch+"-"+source+"-")
	if p, err := findProgram(prefix, source); err == nil {
		return p, nil
	}
	data, _, err := agent.Binary(ctx, g.OS, g.Arch, dir)
	if err != nil {
		return program{}, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return program{}, fmt.Errorf("keep the agent: %w", err)
	}
	sum := sha256.Sum256(data)
	if err := atomicfile.WriteFile(prefix+hex.EncodeToString(sum[:]), data, 0o755); err != nil {
		return program{}, fmt.Errorf("keep the agent: %w", err)
	}
	return findProgram(prefix, source)
}

// findProgram looks for an unpacked program.
func findProgram(prefix, source string) (program, error) {
	names, err := filepath.Glob(prefix + "*")
	if err != nil || len(names) == 0 {
		return program{}, errors.Join(err, fs.ErrNotExist)
	}
	fi, err := os.Stat(names[0])
	if err != nil {
		return program{}, err
	}
	return program{
		path:   names[0],
		source: source,
		digest: "sha256:" + strings.TrimPrefix(names[0], prefix),
		size:   fi.Size(),
	}, nil
}

// entry puts the agent into a root disk, where NetBSD's kernel looks for its
// init.
func (p program) entry() tree.Entry {
	return tree.Entry{
		Path:    "/sbin/init",
		Type:    tree.File,
		Mode:    0o755,
		ModTime: time.Unix(0, 0).UTC(),
		Size:    p.size,
		Digest:  p.digest,
		Content: tree.Content{Host: p.path},
		Why:     "the agent",
	}
}

// linuxInitramfs returns the initramfs that brings the agent and the kernel's
// modules into a Linux guest, made once for each pair of them.
func linuxInitramfs(o Options, p program) (string, error) {
	dir := filepath.Join(o.Home, "cache/initramfs")
	sum := sha256.Sum256([]byte(strings.Join(append([]string{p.digest}, o.Kernel.Modules...), "\n")))
	path := filepath.Join(dir, hex.EncodeToString(sum[:16])+".cpio")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	data, err := os.ReadFile(p.path)
	if err != nil {
		return "", fmt.Errorf("read the agent: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("keep the initramfs: %w", err)
	}
	return path, atomicfile.Write(path, 0o644, func(w io.Writer) error {
		return initramfs.Linux(w, data, o.Kernel.Modules)
	})
}
