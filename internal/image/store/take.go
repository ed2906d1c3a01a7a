package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/fakecracker/fakecracker/internal/image"
)

// TakeOptions say how images from elsewhere are taken.
type TakeOptions struct {
	Names []string // instead of those that they come with
	// Guest chooses among an image's platforms; empty fields: amd64 Linux,
	// else the only one that a guest can be.
	Guest image.Guest
	// Note is told what of an image is kept and has no effect in a guest, in
	// lines; it may be nil.
	Note func(text string)
	// Progress is told how many bytes of how many were read; total is below 0
	// where it is not known. It is called by several goroutines.
	Progress func(done, total int64)
}

// names returns what an image is called that comes with these names.
func (o TakeOptions) names(theirs []string) ([]string, error) {
	if len(o.Names) == 0 {
		return theirs, nil
	}
	return fullNames(o.Names)
}

// atOnce is how many layers are taken side by side: more wait for the
// processor, and a decompressor may take 128 MiB.
const atOnce = 3

// A parcel is an image from elsewhere, none of which was checked yet.
type parcel struct {
	config []byte
	layers []blob
	names  []string // in full
	origin string
}

// take checks a parcel, and keeps it as an image.
func (s *Store) take(ctx context.Context, p parcel, o TakeOptions) (_ Info, err error) {
	set, err := decodeSettings(p.config)
	if err != nil {
		return Info{}, err
	}
	if !fits(o.Guest, set.guest) {
		return Info{}, fmt.Errorf("it is for %s", set.guest)
	}
	if len(set.diffIDs) != len(p.layers) {
		return Info{}, fmt.Errorf("its configuration names %d layers, and %d are there", len(set.diffIDs), len(p.layers))
	}
	if p.names, err = o.names(p.names); err != nil {
		return Info{}, err
	}
	st, err := s.stage(ctx)
	if err != nil {
		return Info{}, err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	ids, err := st.takeLayers(ctx, p.layers, set.diffIDs, o.Progress)
	if err != nil {
		return Info{}, err
	}
	if err := st.checkMerge(ids, set, o.Note); err != nil {
		return Info{}, err
	}
	config, err := withLayers(p.config, set.diffIDs, ids)
	if err != nil {
		return Info{}, err
	}
	foreign := map[string]string{}
	for i, there := range set.diffIDs {
		if there != ids[i] {
			foreign[there] = ids[i]
		}
	}
	return s.commit(ctx, commit{config: config, layers: st, names: p.names, origin: p.origin, foreign: foreign})
}

// checkMerge fails where the layers are no image, and notes what a guest will
// not see of it: better now than at its start.
func (st *staging) checkMerge(ids []string, set settings, note func(string)) error {
	var layers []Layer
	entries := 0
	for _, id := range ids {
		l, err := readLayerAt(st.path(id), id)
		if err != nil {
			return err
		}
		if entries += len(l.Entries); entries > maxEntries {
			return fmt.Errorf("its layers have more than %d files", maxEntries)
		}
		layers = append(layers, l)
	}
	t, err := Merge(layers...)
	if err != nil || note == nil {
		return err
	}
	for _, line := range image.Unkept(&t, set.guest) {
		note(line)
	}
	if n := len(set.config.OnBuild); n > 0 {
		note(fmt.Sprintf("its %d ONBUILD instructions: they are for builds on it", n))
	}
	return nil
}

// takeLayers takes the layers that are not in the store, several at once, and
// returns the DiffIDs that they have here.
func (st *staging) takeLayers(ctx context.Context, blobs []blob, want []string, progress func(done, total int64)) ([]string, error) {
	ix, err := st.s.readIndex()
	if err != nil {
		return nil, err
	}
	count := newCounter(blobs, progress)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ids := make([]string, len(blobs))
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, b := range blobs {
		b.open = count.opens(b.open)
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			var err error
			if ids[i], err = st.takeLayer(ctx, ix, b, want[i]); err != nil {
				cancel(fmt.Errorf("layer %d of %d: %w", i+1, len(blobs), err))
			}
		})
	}
	wg.Wait()
	return ids, context.Cause(ctx)
}

func (st *staging) takeLayer(ctx context.Context, ix index, b blob, want string) (string, error) {
	if err := context.Cause(ctx); err != nil {
		return "", err
	}
	here := want
	if known, ok := ix.Foreign[want]; ok {
		here = known
	}
	if st.reuse(here) {
		return here, nil
	}
	return st.unpack(ctx, b, want)
}

// A counter sums up what is read of several blobs.
type counter struct {
	done  atomic.Int64
	total int64 // below 0: not known
	tell  func(done, total int64)
}

func newCounter(blobs []blob, tell func(done, total int64)) *counter {
	c := &counter{tell: tell}
	for _, b := range blobs {
		if b.size < 0 || c.total < 0 {
			c.total = -1
			continue
		}
		c.total += b.size
	}
	return c
}

func (c *counter) opens(open func(context.Context) (io.ReadCloser, error)) func(context.Context) (io.ReadCloser, error) {
	return func(ctx context.Context) (io.ReadCloser, error) {
		r, err := open(ctx)
		if err != nil {
			return nil, err
		}
		return &counted{r, c}, nil
	}
}

type counted struct {
	io.ReadCloser
	c *counter
}

// Read implements io.Reader.
func (r *counted) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	done := r.c.done.Add(int64(n))
	if r.c.tell != nil {
		r.c.tell(done, r.c.total)
	}
	return n, err
}
