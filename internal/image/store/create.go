package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// Create makes an image of d. What is there already of its layers is not
// written again. The same draft has the same ID on any machine.
//
// The image has d's names when Create returns, and others may have lost theirs
// to it; one without a name stays until Prune is called.
func (s *Store) Create(ctx context.Context, d Draft) (Info, error) {
	info, err := s.create(ctx, d)
	if err != nil {
		return Info{}, fmt.Errorf("make the image: %w", err)
	}
	return info, nil
}

func (s *Store) create(ctx context.Context, d Draft) (_ Info, err error) {
	names, err := fullNames(d.Names)
	if err != nil {
		return Info{}, err
	}
	st, err := s.stage(ctx)
	if err != nil {
		return Info{}, err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	set, err := s.begin(d, st)
	if err != nil {
		return Info{}, err
	}
	for i, l := range d.Layers {
		if err := set.add(ctx, st, l); err != nil {
			return Info{}, fmt.Errorf("layer %d (%s): %w", i+1, l.CreatedBy, err)
		}
	}
	if len(set.diffIDs) > maxLayers {
		return Info{}, fmt.Errorf("%d layers; %d are the most", len(set.diffIDs), maxLayers)
	}
	b, err := set.encode()
	if err != nil {
		return Info{}, err
	}
	return s.commit(ctx, commit{config: b, layers: st, names: names})
}

// begin returns the draft's settings, with the layers of its base.
func (s *Store) begin(d Draft, st *staging) (settings, error) {
	set := settings{
		guest: d.Guest, config: d.Config, created: d.created(), author: d.Author, kernel: d.Kernel, packages: d.Packages,
	}
	if d.Base == "" {
		return set, nil
	}
	base, err := s.readConfig(d.Base)
	if err != nil {
		return set, fmt.Errorf("its base %s: %w", short(d.Base), err)
	}
	if base.guest != d.Guest {
		return set, fmt.Errorf("its base %s is for %s, not %s", short(d.Base), base.guest, d.Guest)
	}
	for _, id := range base.diffIDs {
		if !st.reuse(id) {
			_, err := s.readLayer(id)
			return set, fmt.Errorf("its base %s: %w", short(d.Base), err)
		}
	}
	set.diffIDs = base.diffIDs
	for _, h := range base.steps(func(string) int64 { return 0 }) {
		set.history = append(set.history, v1.History{
			Created: v1.Time{Time: h.Created}, CreatedBy: h.CreatedBy, Comment: h.Comment, EmptyLayer: h.Layer == "",
		})
	}
	if d.Packages == nil {
		set.packages = base.packages
	}
	return set, nil
}

// add keeps l, and puts it on top.
func (s *settings) add(ctx context.Context, st *staging, l Layer) error {
	if !l.Empty {
		id, err := st.put(ctx, l)
		if err != nil {
			return err
		}
		s.diffIDs = append(s.diffIDs, id)
	}
	s.history = append(s.history, v1.History{Created: v1.Time{Time: s.created}, CreatedBy: l.CreatedBy, EmptyLayer: l.Empty})
	return nil
}

func (d Draft) created() time.Time {
	if d.Created.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return d.Created.UTC()
}

// A commit is an image whose layers were written.
type commit struct {
	config  []byte
	layers  *staging
	names   []string // in full
	origin  string
	foreign map[string]string // DiffIDs elsewhere → here
}

// commit makes it an image.
func (s *Store) commit(ctx context.Context, c commit) (Info, error) {
	id := digestOf(c.config)
	var info Info
	err := s.change(ctx, func(ix *index) error {
		if err := c.layers.place(); err != nil {
			return err
		}
		if err := atomicfile.WriteFile(s.configPath(id), c.config, 0o644); err != nil {
			return err
		}
		for _, n := range c.names {
			ix.Names[n] = id
		}
		if c.origin != "" {
			ix.Origins[id] = c.origin
		}
		maps.Copy(ix.Foreign, c.foreign)
		var err error
		info, err = s.info(id, *ix)
		return err
	})
	if err != nil {
		return Info{}, err
	}
	s.logger().Debug("image kept", "id", id, "names", info.Names, "layers", len(info.Layers))
	return info, nil
}

func fullNames(refs []string) ([]string, error) {
	var names []string
	for _, ref := range refs {
		n, err := fullName(ref)
		if err != nil {
			return nil, err
		}
		names = append(names, n)
	}
	return names, nil
}

// readConfig returns the settings of the image with that ID.
func (s *Store) readConfig(id string) (settings, error) {
	b, err := s.rawConfig(id)
	if err != nil {
		return settings{}, err
	}
	return decodeSettings(b)
}

// rawConfig returns an image's configuration, which has the digest that it is
// named by.
func (s *Store) rawConfig(id string) ([]byte, error) {
	b, err := os.ReadFile(s.configPath(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("image %s: %w", short(id), ErrUnknown)
	}
	if err != nil {
		return nil, err
	}
	if digestOf(b) != id {
		return nil, fmt.Errorf("image %s: %s is damaged (remove it with fakecracker image rm %s, then build, pull or load it again)", short(id), s.configPath(id), short(id))
	}
	return b, nil
}
