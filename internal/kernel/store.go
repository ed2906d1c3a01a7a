package kernel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/spelling"
)

// ErrUnknown is wrapped by Store.Get's error where no kernel has the name.
var ErrUnknown = errors.New("no such kernel")

// A Store keeps kernels in a folder:
//
//	<digest>/kernel      an ELF file (or a bzImage that holds no PVH kernel)
//	<digest>/info.json   a record
//	<digest>/modules/    a Linux kernel's modules, unpacked
//	index.json           names
//	.lock                locked with flock(2) by who changes any of these
//
// A kernel's folder appears whole, by a rename, and is never changed after.
type Store struct {
	Dir string // "kernels" in the state folder; made when something is imported
}

// A Kernel is one of a Store's.
type Kernel struct {
	Names  []string `json:"names"`  // sorted; may be empty
	Digest string   `json:"digest"` // hex SHA-256 of the kernel file and, where it has some, of its modules
	Path   string   `json:"path"`   // absolute path of the kernel file
	Origin string   `json:"origin,omitempty"`
	Info   Info     `json:"info"`
	// Modules are the absolute paths of the modules that an initramfs needs,
	// in the order in which they are loaded.
	Modules  []string  `json:"modules,omitempty"`
	Imported time.Time `json:"imported"`
}

// Name returns the first name, else the start of the digest.
func (k Kernel) Name() string {
	if len(k.Names) > 0 {
		return k.Names[0]
	}
	return k.Digest[:min(12, len(k.Digest))]
}

// recordVersion is raised when Inspect finds out more: records of another
// version are inspected again.
const recordVersion = 1

// record is info.json.
type record struct {
	Version  int       `json:"version"`
	Digest   string    `json:"digest"`
	Origin   string    `json:"origin,omitempty"` // where it came from: a path, an address, a package
	Imported time.Time `json:"imported"`
	Info     Info      `json:"info"`
	Modules  []string  `json:"modules,omitempty"` // file names in modules/, in load order
}

// index is index.json.
type index struct {
	Version int               `json:"version"`
	Names   map[string]string `json:"names"` // name to digest
}

// List returns all kernels, by name and then digest. There are none in a
// store that does not exist.
func (s *Store) List() ([]Kernel, error) {
	ix, err := s.readIndex()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list kernels in %s: %w", s.Dir, bare(err))
	}
	var ks []Kernel
	for _, e := range entries {
		if !isDigest(e.Name()) {
			continue
		}
		k, err := s.load(e.Name(), ix)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed while we looked
		}
		if err != nil {
			return nil, err
		}
		ks = append(ks, k)
	}
	slices.SortFunc(ks, func(a, b Kernel) int { return strings.Compare(a.Name()+"\x00"+a.Digest, b.Name()+"\x00"+b.Digest) })
	return ks, nil
}

// Get returns the kernel with that name, or else with a digest that starts
// with it (4 digits or more, "sha256:" may stand before them).
func (s *Store) Get(name string) (Kernel, error) {
	ix, err := s.readIndex()
	if err != nil {
		return Kernel{}, err
	}
	digest, err := s.find(name, ix)
	if err != nil {
		return Kernel{}, err
	}
	return s.load(digest, ix)
}

// find returns the digest that name stands for.
func (s *Store) find(name string, ix index) (string, error) {
	if d, ok := ix.Names[name]; ok {
		return d, nil
	}
	prefix := strings.TrimPrefix(name, "sha256:")
	if !isPrefix(prefix) {
		return "", s.unknown(name, ix)
	}
	found, err := filepath.Glob(filepath.Join(globQuote(s.Dir), prefix+"*"))
	if err != nil {
		return "", fmt.Errorf("look for kernel %s: %w", name, err)
	}
	found = slices.DeleteFunc(found, func(p string) bool { return !isDigest(filepath.Base(p)) })
	switch len(found) {
	case 0:
		return "", s.unknown(name, ix)
	case 1:
		return filepath.Base(found[0]), nil
	}
	return "", fmt.Errorf("kernel %s: %d kernels have digests that start so; give more digits", name, len(found))
}

func (s *Store) unknown(name string, ix index) error {
	names := append(Names(), slices.Sorted(maps.Keys(ix.Names))...)
	if near := spelling.Nearest(name, names); near != "" {
		return fmt.Errorf("kernel %q: %w (did you mean %q?)", name, ErrUnknown, near)
	}
	return fmt.Errorf("kernel %q: %w (fakecracker kernel ls shows those at hand)", name, ErrUnknown)
}

// load reads the record of a digest.
func (s *Store) load(digest string, ix index) (Kernel, error) {
	dir, err := filepath.Abs(filepath.Join(s.Dir, digest))
	if err != nil {
		return Kernel{}, fmt.Errorf("kernel %s: %w", digest, err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "info.json"))
	if err != nil {
		return Kernel{}, fmt.Errorf("kernel %s: read info.json: %w", digest, err)
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return Kernel{}, fmt.Errorf("kernel %s: info.json is damaged (remove it with: fakecracker kernel rm %.12s): %w", digest, digest, err)
	}
	k := Kernel{
		Names: []string{}, Digest: digest, Path: filepath.Join(dir, "kernel"),
		Origin: r.Origin, Info: r.Info, Imported: r.Imported,
	}
	for name, d := range ix.Names {
		if d == digest {
			k.Names = append(k.Names, name)
		}
	}
	slices.Sort(k.Names)
	for _, m := range r.Modules {
		k.Modules = append(k.Modules, filepath.Join(dir, "modules", filepath.Base(m)))
	}
	if r.Version != recordVersion {
		k.Info, err = Inspect(k.Path)
	}
	return k, err
}

// Remove removes a name, and the kernel with it when no other name is left;
// given a digest, the kernel with all its names. A machine that runs it has
// it in memory and is not disturbed.
func (s *Store) Remove(ctx context.Context, name string) error {
	return s.locked(ctx, func() error {
		ix, err := s.readIndex()
		if err != nil {
			return err
		}
		digest, err := s.find(name, ix)
		if err != nil {
			return err
		}
		if _, ok := ix.Names[name]; ok {
			delete(ix.Names, name)
		} else {
			for n, d := range ix.Names {
				if d == digest {
					delete(ix.Names, n)
				}
			}
		}
		if err := s.writeIndex(ix); err != nil {
			return err
		}
		for _, d := range ix.Names {
			if d == digest {
				return nil
			}
		}
		return s.removeFolder(digest)
	})
}

// removeFolder takes a kernel's folder away in one step, then empties it.
func (s *Store) removeFolder(digest string) error {
	tmp, err := os.MkdirTemp(s.Dir, tempPattern)
	if err != nil {
		return fmt.Errorf("remove kernel %s: %w", digest, err)
	}
	err = os.Rename(filepath.Join(s.Dir, digest), filepath.Join(tmp, digest))
	if err := both(err, os.RemoveAll(tmp)); err != nil {
		return fmt.Errorf("remove kernel %s: %w", digest, err)
	}
	return nil
}

func (s *Store) indexPath() string { return filepath.Join(s.Dir, "index.json") }

func (s *Store) readIndex() (index, error) {
	ix := index{Version: 1, Names: map[string]string{}}
	b, err := os.ReadFile(s.indexPath())
	if errors.Is(err, fs.ErrNotExist) {
		return ix, nil
	}
	if err != nil {
		return ix, fmt.Errorf("read the kernels' names: %w", err)
	}
	if err := json.Unmarshal(b, &ix); err != nil {
		return ix, fmt.Errorf("read the kernels' names: %s is damaged (remove it; the kernels keep their digests): %w", s.indexPath(), err)
	}
	if ix.Version != 1 {
		return ix, fmt.Errorf("read the kernels' names: %s has version %d; this program knows 1", s.indexPath(), ix.Version)
	}
	for name, digest := range ix.Names {
		if !isDigest(digest) {
			return ix, fmt.Errorf("read the kernels' names: %s gives %q a digest that is none", s.indexPath(), name)
		}
	}
	if ix.Names == nil {
		ix.Names = map[string]string{}
	}
	return ix, nil
}

func (s *Store) writeIndex(ix index) error {
	b, err := json.MarshalIndent(ix, "", "  ")
	if err != nil {
		return fmt.Errorf("write the kernels' names: %w", err)
	}
	return atomicfile.WriteFile(s.indexPath(), append(b, '\n'), 0o644)
}

// globQuote escapes what filepath.Match takes for a pattern.
func globQuote(s string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(s)
}
