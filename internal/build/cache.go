package build

import (
	"bytes"
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
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/ship"
)

const (
	// manifestVersion is counted up when the same ship makes another image.
	manifestVersion = 5
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
	host  string // state of the ship and its host files before the build
	key   string // of it and the packages; empty: not known before the build
	start time.Time
}

// manifest is the first line of the file, in JSON. The rest is the image's
// tree, as tree.Tree.MarshalBinary has it. The bytes of its files stay where
// they are.
type manifest struct {
	Version int          `json:"version"`
	Name    string       `json:"name"`
	Guest   image.Guest  `json:"guest"`
	Config  image.Config `json:"config"`
	Report  Report       `json:"report"`
}

func (o Options) openCache(ctx context.Context, s ship.Ship, now time.Time) (*cache, error) {
	if o.Cache == "" || o.volatile(ctx, s) {
		return &cache{}, nil
	}
	c := &cache{ship: s, dir: filepath.Join(o.Cache, "builds"), start: now}
	var err error
	if c.host, _, err = o.hostKey(ctx, s); err != nil {
		return nil, err
	}
	if packages := o.packagesKey(s); packages != "" {
		c.key = c.host + packages
	}
	return c, nil
}

// path is the file that has the build.
func (c *cache) path(key string) string { return filepath.Join(c.dir, digest(key)+suffix) }

// suffix ends the names of the files.
const suffix = ".build"

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// packagesKey identifies the packages that a build would get: "none" for a
// ship without any, "" when that can't be told.
func (o Options) packagesKey(s ship.Ship) string {
	if len(s.Packages) == 0 || o.Packages == nil {
		return "none"
	}
	return o.Packages.Key()
}

// hostKey identifies what s is built from, packages aside, by the state of its
// host files (not their bytes, which would take long). newest is the last
// change of one.
func (o Options) hostKey(ctx context.Context, s ship.Ship) (key string, newest time.Time, err error) {
	h := sha256.New()
	b, err := json.Marshal(s)
	if err != nil {
		return "", newest, fmt.Errorf("look for an earlier build: %w", err)
	}
	fmt.Fprintf(h, "%d %s %d %s %q %q %q %t %t %t\n", manifestVersion, o.Guest, o.time().UnixNano(), b, o.System, o.Target, o.BuildArgs, o.Network, o.Prune, o.FixedTimes)
	for _, st := range s.Stages {
		if st.From.Image != "" {
			fmt.Fprintf(h, "from %s\n", o.ImageID(ctx, st.From.Image, o.Guest))
		}
	}
	for _, dir := range s.Overlays {
		if err := statAll(ctx, h, dir.Dir, ignore{}, &newest); err != nil {
			return "", newest, fmt.Errorf("overlay: %w", err)
		}
	}
	if s.Context != "" {
		out, err := newIgnore(s.Ignore)
		if err != nil {
			return "", newest, fmt.Errorf(".dockerignore: %w", err)
		}
		if err := statAll(ctx, h, s.Context, out, &newest); err != nil {
			return "", newest, fmt.Errorf("build context: %w", err)
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

// volatile reports whether the ship is made from something whose state can't
// be told without getting it: an image that isn't stored here, a file that is
// no part of the ship, what stands at an address.
func (o Options) volatile(ctx context.Context, s ship.Ship) bool {
	for _, st := range s.Stages {
		switch f := st.From; {
		case f.Disk != "" || slices.ContainsFunc(f.Sets, func(set string) bool { return strings.Contains(set, "/") }):
			return true
		case f.Image != "" && (o.ImageID == nil || o.ImageID(ctx, f.Image, o.Guest) == ""):
			return true
		case slices.ContainsFunc(st.Instructions, func(in ship.Instruction) bool { return reachesOut(in.Text, s.Stages) }):
			return true
		}
	}
	return false
}

// reachesOut reports whether a COPY or ADD takes files of an image or of an
// address.
func reachesOut(text string, stages []ship.Stage) bool {
	words := strings.Fields(text)
	if len(words) == 0 || !strings.EqualFold(words[0], "COPY") && !strings.EqualFold(words[0], "ADD") {
		return false
	}
	for _, w := range words[1:] {
		from, ok := strings.CutPrefix(w, "--from=")
		_, err := strconv.Atoi(from)
		known := slices.ContainsFunc(stages, func(s ship.Stage) bool { return strings.EqualFold(s.Name, from) })
		if ok && err != nil && !known || strings.Contains(w, "://") || strings.Contains(w, "$") {
			return true
		}
	}
	return false
}

// statAll writes the state of all that is below dir, without what out names.
func statAll(ctx context.Context, h hash.Hash, dir string, out ignore, newest *time.Time) error {
	if _, err := os.Stat(dir); err != nil {
		return err
	}
	return filepath.WalkDir(dir+string(filepath.Separator), func(p string, d fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		if rel = filepath.ToSlash(rel); out.skip(rel, d.IsDir()) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		if d.IsDir() && out.pm != nil {
			return nil // its time may be that of a file that is left out
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
	fmt.Fprintf(w, "%s %s %d %d %s\n", p, fi.Mode(), fi.Size(), fi.ModTime().UnixNano(), identity(fi))
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
	line, rest, ok := bytes.Cut(b, []byte("\n"))
	if err := json.Unmarshal(line, &m); !ok || err != nil || m.Version != manifestVersion {
		return image.Image{}, Report{}, false
	}
	img := image.Image{Name: m.Name, Guest: m.Guest, Config: m.Config}
	if err := img.Tree.UnmarshalBinary(rest); err != nil || !contentsThere(img) {
		return image.Image{}, Report{}, false
	}
	return img, m.Report, true
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
// time ago that a later change might not show. packages is the key of those
// that it got, which may be newer than the ones that were at hand before.
func (c *cache) store(ctx context.Context, o Options, img image.Image, r Report, packages string) error {
	if c.dir == "" {
		return nil
	}
	if len(c.ship.Packages) == 0 {
		packages = "none"
	}
	host, newest, err := o.hostKey(ctx, c.ship)
	if err != nil || packages == "" || c.host != host || newest.After(c.start.Add(-tick)) {
		return err
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return fmt.Errorf("keep the build: %w", err)
	}
	c.sweep()
	m := manifest{Version: manifestVersion, Name: img.Name, Guest: img.Guest, Config: img.Config, Report: r}
	line, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("keep the build: %w", err)
	}
	files, err := img.Tree.MarshalBinary()
	if err != nil {
		return fmt.Errorf("keep the build: %w", err)
	}
	b := slices.Concat(line, []byte("\n"), files)
	if err := atomicfile.WriteFile(c.path(host+packages), b, 0o644); err != nil {
		return fmt.Errorf("keep the build: %w", err)
	}
	return nil
}

// sweep removes builds of long ago. It is a courtesy: what it can't remove,
// the next may.
func (c *cache) sweep() {
	old, err := filepath.Glob(filepath.Join(c.dir, "*"))
	if err != nil {
		return
	}
	for _, p := range old {
		if fi, err := os.Stat(p); err == nil && time.Since(fi.ModTime()) > keepBuilds {
			_ = os.Remove(p)
		}
	}
}
