package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/image"
)

// List returns all images, by name and then the newest first. There are none
// in a store that does not exist.
func (s *Store) List(ctx context.Context) ([]Info, error) {
	ix, err := s.readIndex()
	if err != nil {
		return nil, err
	}
	ids, err := s.ids()
	if err != nil {
		return nil, err
	}
	all := []Info{}
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		info, err := s.info(id, ix)
		if errors.Is(err, ErrUnknown) {
			continue // removed while we looked
		}
		if err != nil {
			return nil, err
		}
		all = append(all, info)
	}
	slices.SortFunc(all, func(a, b Info) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.Name(), b.Name()), b.Created.Compare(a.Created), strings.Compare(a.ID, b.ID))
	})
	return all, nil
}

// rank puts images without a name behind the others.
func rank(i Info) int {
	if len(i.Names) == 0 {
		return 1
	}
	return 0
}

// Find returns the image of a name, with :latest where no tag is said, or else
// the one whose ID begins so (4 digits or more). The error wraps ErrUnknown
// where there is none.
func (s *Store) Find(_ context.Context, ref string) (Info, error) {
	ix, err := s.readIndex()
	if err != nil {
		return Info{}, err
	}
	id, err := s.resolve(ref, ix)
	if err != nil {
		return Info{}, err
	}
	return s.info(id, ix)
}

// Exists reports whether the image that ref stands for, a name or the beginning
// of an ID, is here with a file for each of its layers. Whether their bytes are
// what they were is for Image and Save to see.
func (s *Store) Exists(ctx context.Context, ref string) bool {
	info, err := s.Find(ctx, ref)
	return err == nil && !slices.ContainsFunc(info.Layers, func(d string) bool { return s.layerSize(d) == 0 })
}

// Name returns the first name, else the start of the ID.
func (i Info) Name() string {
	if len(i.Names) > 0 {
		return i.Names[0]
	}
	return short(i.ID)
}

// ids returns those of all images, sorted.
func (s *Store) ids() ([]string, error) {
	entries, err := os.ReadDir(s.configDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the images: %w", err)
	}
	var ids []string
	for _, e := range entries {
		h, ok := strings.CutSuffix(e.Name(), ".json")
		if id := digestPrefix + h; ok && isDigest(id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (s *Store) info(id string, ix index) (Info, error) {
	set, err := s.readConfig(id)
	if err != nil {
		return Info{}, err
	}
	info := Info{
		ID: id, Names: []string{}, Guest: set.guest, Created: set.created, Author: set.author,
		Layers: set.diffIDs, Config: set.config, Kernel: set.kernel, Packages: set.packages, Origin: ix.Origins[id],
	}
	for name, of := range ix.Names {
		if of == id {
			info.Names = append(info.Names, name)
		}
	}
	slices.Sort(info.Names)
	info.History = set.steps(s.layerSize)
	seen := map[string]bool{}
	for _, d := range set.diffIDs {
		if !seen[d] {
			info.Size += s.layerSize(d)
		}
		seen[d] = true
	}
	return info, nil
}

// layerSize returns how many bytes a layer's file has: 0 if it is missing,
// which Image tells.
func (s *Store) layerSize(diffID string) int64 {
	fi, err := os.Stat(s.layerPath(diffID))
	if err != nil {
		return 0
	}
	return fi.Size()
}

// Image returns an image with all its files, whose bytes are in the store.
// What no layer tells the origin of has the text of its layer's step as Why.
func (s *Store) Image(ctx context.Context, ref string) (image.Image, Info, error) {
	info, err := s.Find(ctx, ref)
	if err != nil {
		return image.Image{}, info, err
	}
	layers, err := s.Layers(ctx, info)
	if err != nil {
		return image.Image{}, info, fmt.Errorf("image %s: %w", info.Name(), err)
	}
	for i := range layers {
		explain(&layers[i], info)
	}
	t, whole, err := merge(layers)
	if err != nil {
		return image.Image{}, info, fmt.Errorf("image %s: %w", info.Name(), err)
	}
	if !whole { // an image of others need not name all folders
		t.MakeParents(info.Created)
	}
	img := image.Image{Name: short(info.ID), Guest: info.Guest, Tree: t, Config: info.Config}
	if len(info.Names) > 0 {
		img.Name = baseName(info.Names[0])
	}
	if full, err := fullName(ref); err == nil && slices.Contains(info.Names, full) {
		img.Name = baseName(full)
	}
	return img, info, nil
}

// Layers returns an image's layers from the bottom up, each with the text of
// its step. The steps without files are left out.
func (s *Store) Layers(ctx context.Context, info Info) ([]Layer, error) {
	var all []Layer
	for _, h := range info.History {
		if h.Layer == "" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l, err := s.readLayer(h.Layer)
		if err != nil {
			return nil, err
		}
		l.CreatedBy = h.CreatedBy
		all = append(all, l)
	}
	return all, nil
}

// maxWhy is how much of a step's text says where a file is from, in bytes.
const maxWhy = 200

// explain gives the entries that don't say where they are from the text of
// their layer's step.
func explain(l *Layer, info Info) {
	why := strings.Join(strings.Fields(strings.ToValidUTF8(l.CreatedBy, "?")), " ")
	if len(why) > maxWhy {
		why = strings.ToValidUTF8(why[:maxWhy], "") + " …"
	}
	if why == "" {
		why = cmp.Or(info.Origin, "image "+info.Name())
	}
	for i := range l.Entries {
		if l.Entries[i].Why == "" {
			l.Entries[i].Why = why
		}
	}
}
