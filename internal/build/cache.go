package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/ship"
)

const (
	// manifestVersion is counted up when the same ship makes another image.
	manifestVersion = 1
	// tick is the coarsest step of a file system's times that is reckoned
	// with. A file that changed so short a time ago may change again
	// without a new time.
	tick = 20 * time.Millisecond
	// keepBuilds is how long a build that nothing was built over is kept.
	keepBuilds = 30 * 24 * time.Hour
)

// cache is where a ship's build is kept: in a file named by all that goes in.
type cache struct {
	ship  ship.Ship
	dir   string // empty: nothing is kept
	key   string // empty: not known before the build
	start time.Time
}

// manifest is what the file holds. The bytes of the image's files stay where
// they are.
type manifest struct {
	Version int         `json:"version"`
	Image   image.Image `json:"image"`
	Report  Report      `json:"report"`
}

func (o Options) openCache(ctx context.Context, s ship.Ship, now time.Time) (*cache, error) {
	if o.Cache == "" {
		return &cache{}, nil
	}
	key, _, err := o.key(ctx, s)
	return &cache{ship: s, dir: filepath.Join(o.Cache, "builds"), key: key, start: now}, err
}

// path is the file that has the build.
func (c *cache) path(key string) string { return filepath.Join(c.dir, key+".json") }

// key identifies all that s is built from, by the state of its host files
// (not their bytes, which would take long) and of the package lists. It is
// empty when that can't be told. newest is the last change of a host file.
func (o Options) key(ctx context.Context, s ship.Ship) (key string, newest time.Time, err error) {
	h := sha256.New()
	b, err := json.Marshal(s)
	if err != nil {
		return "", newest, fmt.Errorf("look for an earlier build: %w", err)
	}
	fmt.Fprintf(h, "%d %s %d %s\n", manifestVersion, o.Guest, o.time().UnixNano(), b)
	if len(s.Packages) > 0 && o.Debian != nil {
		k := o.Debian.Key()
		if k == "" {
			return "", newest, nil
		}
		fmt.Fprintln(h, k)
	}
	for _, dir := range s.Overlays {
		if err := statAll(ctx, h, dir.Dir, &newest); err != nil {
			return "", newest, fmt.Errorf("overlay: %w", err)
		}
	}
	for _, p := range s.Programs {
		fi, err := os.Stat(p.Host)
		if errors.Is(err, fs.ErrNotExist) {
			return "", newest, fmt.Errorf("%s: program %s is not there", at(s, "program"), p.Host)
		}
		if err != nil {
			return "", newest, fmt.Errorf("%s: program: %w", at(s, "program"), err)
		}
		writeStat(h, p.Host, fi, &newest)
	}
	return hex.EncodeToString(h.Sum(nil)), newest, nil
}

// statAll writes the state of all that is below dir.
func statAll(ctx context.Context, h hash.Hash, dir string, newest *time.Time) error {
	if _, err := os.Stat(dir); err != nil {
		return err
	}
	return filepath.WalkDir(dir+string(filepath.Separator), func(p string, d fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		writeStat(h, p, fi, newest)
		if fi.Mode()&fs.ModeSymlink != 0 {
			link, err := os.Readlink(p)
			if err != nil {
				return err
			}
			fmt.Fprintln(h, link)
		}
		return nil
	})
}

func writeStat(w io.Writer, p string, fi fs.FileInfo, newest *time.Time) {
	fmt.Fprintf(w, "%s %s %d %d %d\n", p, fi.Mode(), fi.Size(), fi.ModTime().UnixNano(), inode(fi))
	if fi.ModTime().After(*newest) {
		*newest = fi.ModTime()
	}
}

// load returns the earlier build, if all that it refers to is still there.
// One that can't be read is as none.
func (c *cache) load() (image.Image, Report, bool) {
	if c.key == "" {
		return image.Image{}, Report{}, false
	}
	b, err := os.ReadFile(c.path(c.key))
	if err != nil {
		return image.Image{}, Report{}, false
	}
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil || m.Version != manifestVersion {
		return image.Image{}, Report{}, false
	}
	if !contentsThere(m.Image) {
		return image.Image{}, Report{}, false
	}
	return m.Image, m.Report, true
}

// contentsThere reports whether the host files that have an image's bytes are
// there, and as long as they must be.
func contentsThere(img image.Image) bool {
	ends := make(map[string]int64)
	for _, e := range img.Tree.All() {
		if p := e.Content.Host; p != "" {
			ends[p] = max(ends[p], e.Content.Offset+e.Size)
		}
	}
	for p, end := range ends {
		if fi, err := os.Stat(p); err != nil || fi.Size() < end {
			return false
		}
	}
	return true
}

// store keeps a build for later, unless files changed meanwhile or so short a
// time ago that a later change might not show.
func (c *cache) store(ctx context.Context, o Options, img image.Image, r Report) error {
	if c.dir == "" {
		return nil
	}
	key, newest, err := o.key(ctx, c.ship) // once more: package lists may be new by now
	if err != nil || key == "" || (c.key != "" && c.key != key) || newest.After(c.start.Add(-tick)) {
		return err
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return fmt.Errorf("keep the build: %w", err)
	}
	c.sweep()
	b, err := json.Marshal(manifest{Version: manifestVersion, Image: img, Report: r})
	if err != nil {
		return fmt.Errorf("keep the build: %w", err)
	}
	if err := atomicfile.WriteFile(c.path(key), b, 0o644); err != nil {
		return fmt.Errorf("keep the build: %w", err)
	}
	return nil
}

// sweep removes builds of long ago. It is a courtesy: what it can't remove,
// the next may.
func (c *cache) sweep() {
	old, err := filepath.Glob(filepath.Join(c.dir, "*.json"))
	if err != nil {
		return
	}
	for _, p := range old {
		if fi, err := os.Stat(p); err == nil && time.Since(fi.ModTime()) > keepBuilds {
			_ = os.Remove(p)
		}
	}
}
