package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// Tag gives the image that id stands for, a name or the beginning of its ID,
// the name ref, which another may have had until now.
func (s *Store) Tag(ctx context.Context, ref, id string) error {
	full, err := fullName(ref)
	if err != nil {
		return err
	}
	return s.change(ctx, func(ix *index) error {
		found, err := s.resolve(id, *ix)
		if err != nil {
			return err
		}
		ix.Names[full] = found
		return nil
	})
}

// Untag takes a name away. The image stays, until Prune if it has no other.
func (s *Store) Untag(ctx context.Context, ref string) error {
	full, err := fullName(ref)
	if err != nil {
		return err
	}
	return s.change(ctx, func(ix *index) error {
		if _, ok := ix.Names[full]; !ok {
			return unknown(ref, *ix)
		}
		delete(ix.Names, full)
		return nil
	})
}

// Remove takes a name away, and the image with the layers that no other has
// when that was its last. Given an ID it removes the image: one of several
// names only with force. A damaged image can be removed by its ID. A VM that
// was started from it has its own disk, and is not disturbed.
func (s *Store) Remove(ctx context.Context, ref string, force bool) error {
	return s.locked(ctx, func() error {
		ix, err := s.readIndex()
		if err != nil {
			return err
		}
		id, err := s.resolve(ref, ix)
		if err != nil {
			return err
		}
		names := ix.namesOf(id)
		if full, err := fullName(ref); err == nil && ix.Names[full] == id {
			delete(ix.Names, full)
			if len(names) > 1 && !force {
				return s.writeIndex(ix)
			}
		} else if len(names) > 1 && !force {
			return fmt.Errorf("image %s has the names %s: remove these, or all with --force", short(id), strings.Join(names, ", "))
		}
		_, err = s.removeImages(ix, []string{id})
		return err
	})
}

func (ix index) namesOf(id string) []string {
	var names []string
	for name, of := range ix.Names {
		if of == id {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Pruned says what Prune removed.
type Pruned struct {
	Images []string `json:"images"` // IDs
	Layers int      `json:"layers"` // how many
	Bytes  int64    `json:"bytes"`  // of the layers' files
}

// Prune removes the images that have no name, the layers that no image has, and
// what commands that died left behind.
func (s *Store) Prune(ctx context.Context) (p Pruned, err error) {
	err = s.locked(ctx, func() error {
		ix, err := s.readIndex()
		if err != nil {
			return err
		}
		ids, err := s.ids()
		if err != nil {
			return err
		}
		ids = slices.DeleteFunc(ids, func(id string) bool { return len(ix.namesOf(id)) > 0 })
		if p, err = s.removeImages(ix, ids); err != nil {
			return err
		}
		err = s.sweepStages()
		for _, dir := range []string{s.Dir, s.configDir()} { // where files are written under our lock only
			err = errors.Join(err, atomicfile.Sweep(dir, atomicfile.Prefix, 0))
		}
		return err
	})
	return p, err
}

// removeImages removes the images, and the layers that no other has: names
// first, so that what is left of it if we die is of no image. The lock is held.
func (s *Store) removeImages(ix index, ids []string) (Pruned, error) {
	p := Pruned{Images: append([]string{}, ids...)}
	gone := func(_, id string) bool { return slices.Contains(ids, id) }
	maps.DeleteFunc(ix.Names, gone)
	maps.DeleteFunc(ix.Origins, func(id, _ string) bool { return slices.Contains(ids, id) })
	used, err := s.usedLayers(ids)
	if err != nil {
		return p, err
	}
	maps.DeleteFunc(ix.Foreign, func(_, here string) bool { return !used[here] })
	if err := s.writeIndex(ix); err != nil {
		return p, err
	}
	for _, id := range ids {
		if err := os.Remove(s.configPath(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return p, fmt.Errorf("remove image %s: %w", short(id), err)
		}
	}
	return p, s.removeLayers(used, &p)
}

// usedLayers returns the DiffIDs of all images but those.
func (s *Store) usedLayers(without []string) (map[string]bool, error) {
	ids, err := s.ids()
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, id := range ids {
		if slices.Contains(without, id) {
			continue
		}
		set, err := s.readConfig(id)
		if err != nil { // its layers are not known: none may go
			return nil, err
		}
		for _, d := range set.diffIDs {
			used[d] = true
		}
	}
	return used, nil
}

// removeLayers removes the files of all layers that are not used.
func (s *Store) removeLayers(used map[string]bool, p *Pruned) error {
	entries, err := os.ReadDir(s.layerDir())
	if err != nil {
		return fmt.Errorf("list the layers: %w", err)
	}
	for _, e := range entries {
		h, ok := strings.CutSuffix(e.Name(), layerSuffix)
		id := digestPrefix + h
		if !ok || !isDigest(id) || used[id] {
			continue
		}
		size := s.layerSize(id)
		if err := os.Remove(filepath.Join(s.layerDir(), e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove layer %s: %w", short(id), err)
		}
		p.Layers++
		p.Bytes += size
	}
	return nil
}
