package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/tree"
)

const (
	// manifestVersion is counted up when the same ship makes another image.
	manifestVersion = 9
	// tick is the coarsest step of a file system's times that is reckoned
	// with. A file that changed so short a time ago may change again
	// without a new time.
	tick = 20 * time.Millisecond
)

// cache is where a ship's build is kept: in a file named by all that goes in.
type cache struct {
	Options
	ship  ship.Ship
	none  bool       // nothing is kept
	host  *hostState // of the ship and its host files before the build
	key   string     // of it and the packages; empty: not known before the build
	start time.Time
}

// manifest is the first line of the file, in JSON. Then come, as
// tree.AppendEntries has them, the report's inputs and the image's tree. The
// bytes of its files stay where they are.
type manifest struct {
	Version int          `json:"version"`
	Name    string       `json:"name"`
	Guest   image.Guest  `json:"guest"`
	Config  image.Config `json:"config"`
	Report  Report       `json:"report"` // without its inputs
	Inputs  int          `json:"inputs"` // bytes that they take
}

func (o Options) openCache(ctx context.Context, s ship.Ship, now time.Time) (*cache, error) {
	if o.Cache == "" || !o.findsImages(ctx, s) {
		return &cache{none: true}, nil
	}
	c := &cache{Options: o, ship: s, start: now}
	var err error
	if c.host, err = o.hostState(ctx, s); err != nil {
		return nil, err
	}
	if packages := o.packagesKey(s); packages != "" {
		c.key = c.host.key() + packages
	}
	return c, nil
}

// path is the file that has the build.
func (c *cache) path(key string) string { return c.earlier().file(digest(key)) }

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// packagesKey identifies the packages that a build would get: "none" for a
// ship without any, "" when that can't be told.
func (o Options) packagesKey(s ship.Ship) string {
	if !o.wantsPackages(s) {
		return "none"
	}
	return o.Packages.Key()
}

// hostState tells what s is built from, packages aside, by the state of its
// host files (not their bytes, which would take long).
func (o Options) hostState(ctx context.Context, s ship.Ship) (*hostState, error) {
	st := newHostState()
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("look for an earlier build: %w", err)
	}
	fmt.Fprintf(st.hash, "%d %s %d %s %q %q %q %t %t %t\n", manifestVersion, o.Guest, o.time().UnixNano(), b, o.System, o.Kernel, o.BuildArgs, o.Network, o.Prune, o.FixedTimes)
	for _, stage := range s.Stages {
		if stage.From.Image != "" {
			fmt.Fprintf(st.hash, "from %s\n", o.ImageID(ctx, stage.From.Image, o.Guest))
		}
	}
	for _, dir := range s.Overlays {
		if err := st.addFolder(ctx, dir.Dir, ignore{}); err != nil {
			return nil, fmt.Errorf("overlay: %w", err)
		}
	}
	if s.Context != "" {
		out, err := newIgnore(s.Ignore)
		if err != nil {
			return nil, fmt.Errorf(".dockerignore: %w", err)
		}
		if err := st.addFolder(ctx, s.Context, out); err != nil {
			return nil, fmt.Errorf("build context: %w", err)
		}
	}
	for _, p := range s.Programs {
		fi, err := os.Stat(p.Host)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: program %s is not there", at(s, "program"), p.Host)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: program: %w", at(s, "program"), err)
		}
		st.addFile(p.Host, fi)
	}
	return st, nil
}

// findsImages reports whether all images that the ship's stages begin with are
// stored here, so that hostState can tell which they are.
func (o Options) findsImages(ctx context.Context, s ship.Ship) bool {
	return !slices.ContainsFunc(s.Stages, func(st ship.Stage) bool {
		ref := st.From.Image
		return ref != "" && (o.ImageID == nil || o.ImageID(ctx, ref, o.Guest) == "")
	})
}

// load returns the earlier build, if all that it refers to is still there.
// One that can't be read is as none.
func (c *cache) load(ctx context.Context) (image.Image, Report, bool) {
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
	if m.Inputs < 0 || m.Inputs > len(rest) {
		return image.Image{}, Report{}, false
	}
	inputs, err := tree.DecodeEntries(rest[:m.Inputs])
	if err != nil {
		return image.Image{}, Report{}, false
	}
	for _, e := range inputs {
		m.Report.Inputs = append(m.Report.Inputs, Input{Path: e.Path, Type: e.Type, Mode: e.Mode, Digest: e.Digest, Link: e.Link})
	}
	img := image.Image{Name: m.Name, Guest: m.Guest, Config: m.Config}
	if err := img.Tree.UnmarshalBinary(rest[m.Inputs:]); err != nil || !c.contentsThere(ctx, img) {
		return image.Image{}, Report{}, false
	}
	c.earlier().use(ctx, c.path(c.key))
	return img, m.Report, true
}

// encodeInputs is what load decodes.
func encodeInputs(inputs []Input) ([]byte, error) {
	entries := make([]tree.Entry, len(inputs))
	for i, in := range inputs {
		entries[i] = tree.Entry{Path: in.Path, Type: in.Type, Mode: in.Mode, Digest: in.Digest, Link: in.Link}
	}
	return tree.AppendEntries(nil, entries)
}

// contentsThere reports whether the host files that have an image's bytes are
// there, and as long as they must be. Those of the ship were seen already.
func (c *cache) contentsThere(ctx context.Context, img image.Image) bool {
	ends := make(map[string]int64)
	for e := range img.Tree.Unsorted() {
		if p := e.Content.Host; p != "" && !c.host.has(p) {
			ends[p] = max(ends[p], e.Content.Offset+e.Size)
		}
	}
	for p, end := range ends {
		for _, s := range []stock{c.stepPacks(), c.addPacks()} {
			if filepath.Dir(p) == s.dir {
				s.use(ctx, p)
			}
		}
		if fi, err := os.Stat(p); err != nil || fi.Size() < end {
			return false
		}
	}
	return true
}

// store keeps a build for later, unless it took something whose state nobody can
// tell without getting it, or files changed meanwhile or so short a
// time ago that a later change might not show. packages is the key of those
// that it got, which may be newer than the ones that were at hand before.
func (c *cache) store(ctx context.Context, img image.Image, r Report, packages string) error {
	if c.none {
		return nil
	}
	switch wanted := c.wantsPackages(c.ship); {
	case !wanted && packages != "":
		return nil // a base's triggers installed them
	case !wanted:
		packages = "none"
	case packages == "": // none was installed after all
		packages = c.Packages.Key()
	}
	host, err := c.hostState(ctx, c.ship)
	if err != nil || packages == "" || c.host.key() != host.key() || host.newest.After(c.start.Add(-tick)) {
		return err
	}
	if err := os.MkdirAll(c.earlier().dir, 0o755); err != nil {
		return fmt.Errorf("keep the build: %w", err)
	}
	inputs, err := encodeInputs(r.Inputs)
	if err != nil {
		return fmt.Errorf("keep the build: %w", err)
	}
	r.Inputs = nil
	m := manifest{Version: manifestVersion, Name: img.Name, Guest: img.Guest, Config: img.Config, Report: r, Inputs: len(inputs)}
	line, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("keep the build: %w", err)
	}
	files, err := img.Tree.MarshalBinary()
	if err != nil {
		return fmt.Errorf("keep the build: %w", err)
	}
	b := slices.Concat(line, []byte("\n"), inputs, files)
	if err := atomicfile.WriteFile(c.path(host.key()+packages), b, 0o644); err != nil {
		return fmt.Errorf("keep the build: %w", err)
	}
	return c.earlier().evict(keepBuilds)
}
