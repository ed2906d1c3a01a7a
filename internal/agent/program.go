package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// programAge is how long the program of another source stays in the cache
// after it was written: another version of fakecracker may be in use.
const programAge = 7 * 24 * time.Hour

// A Program is the guest's program as a file, whose name in the cache tells
// all of this but the size: <os>-<arch>-<source>-<hex SHA-256 of the file>.
type Program struct {
	Path   string
	Source string // hash of its source, which the guest's hello repeats
	Digest string // of the file, "sha256:" and hex
	Size   int64  // in bytes
}

// ProgramFor returns the program for an operating system ("netbsd", "linux")
// and a processor ("i386" or "amd64", or Go's "386"). It is in cacheDir,
// which costs a look at that folder, or it is put there: the embedded one
// where that was built from the embedded source, else one that is built now,
// which takes some seconds and a Go toolchain.
func ProgramFor(ctx context.Context, system, arch, cacheDir string) (Program, error) {
	t, err := targetOf(system, arch)
	if err != nil {
		return Program{}, err
	}
	files, err := sourceFiles()
	if err != nil {
		return Program{}, err
	}
	c := cache{dir: cacheDir, target: t, source: sourceHash(files)}
	p, err := c.find()
	if !errors.Is(err, fs.ErrNotExist) {
		return p, err
	}
	data, err := embedded(dist, t, c.source)
	if errors.Is(err, fs.ErrNotExist) {
		data, _, err = Build(ctx, t)
	}
	if err != nil {
		return Program{}, err
	}
	return c.keep(ctx, data)
}

// A cache is a folder of programs, and what is wanted of it.
type cache struct {
	dir    string
	target Target
	source string
}

func (c cache) prefix() string { return c.target.String() + "-" + c.source + "-" }

// find looks for the program. The error is fs.ErrNotExist where there is none.
func (c cache) find() (Program, error) {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return Program{}, fmt.Errorf("look for the %s agent: %w", c.target, err)
	}
	for _, e := range entries {
		sum, ok := strings.CutPrefix(e.Name(), c.prefix())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		fi, err := e.Info()
		if err != nil {
			return Program{}, fmt.Errorf("look for the %s agent: %w", c.target, err)
		}
		return Program{
			Path:   filepath.Join(c.dir, e.Name()),
			Source: c.source,
			Digest: "sha256:" + sum,
			Size:   fi.Size(),
		}, nil
	}
	return Program{}, fmt.Errorf("look for the %s agent: %w", c.target, fs.ErrNotExist)
}

// keep puts data into the cache as the program, and removes what it takes the
// place of.
func (c cache) keep(ctx context.Context, data []byte) (Program, error) {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return Program{}, fmt.Errorf("keep the %s agent: %w", c.target, err)
	}
	// A file that another process has put here meanwhile may be in use: who
	// copies it looks at whether it stays the same.
	unlock, err := atomicfile.Lock(ctx, filepath.Join(c.dir, ".lock"))
	if err != nil {
		return Program{}, fmt.Errorf("keep the %s agent: %w", c.target, err)
	}
	p, err := c.find()
	if errors.Is(err, fs.ErrNotExist) {
		p, err = c.write(data)
	}
	return p, errors.Join(err, unlock())
}

// write puts data into the cache.
func (c cache) write(data []byte) (Program, error) {
	sum := sha256.Sum256(data)
	name := filepath.Join(c.dir, c.prefix()+hex.EncodeToString(sum[:]))
	if err := atomicfile.WriteFile(name, data, 0o755); err != nil {
		return Program{}, fmt.Errorf("keep the %s agent: %w", c.target, err)
	}
	c.sweep()
	return c.find()
}

// sweep removes the target's programs of other sources once they are old. It
// is a courtesy: what it can't remove, the next sweep may.
func (c cache) sweep() {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), c.target.String()+"-") || strings.HasPrefix(e.Name(), c.prefix()) {
			continue
		}
		fi, err := e.Info()
		if err == nil && fi.Mode().IsRegular() && time.Since(fi.ModTime()) > programAge {
			_ = os.Remove(filepath.Join(c.dir, e.Name()))
		}
	}
}
