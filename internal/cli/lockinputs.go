package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/fakecracker/fakecracker/internal/build"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/lock"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/source/hostdir"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// definitionOf returns the files that the ship was read from.
func definitionOf(s ship.Ship) ([]lock.Definition, error) {
	dir := shipDir(s)
	var all []lock.Definition
	for _, file := range definitionFiles(s) {
		e, err := tree.FromFile(file, "/definition", 0, "")
		if errors.Is(err, fs.ErrNotExist) {
			continue // a .dockerignore
		}
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", file, err)
		}
		abs, err := filepath.Abs(file)
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", file, err)
		}
		all = append(all, lock.Definition{Path: lock.Relative(dir, abs), Digest: e.Digest})
	}
	return all, nil
}

// definitionFiles names those files, each once: the definition, what it
// includes, and what may say which files of the context do not count. A single
// program is one of the ship's own files.
func definitionFiles(s ship.Ship) []string {
	if len(s.Programs) == 1 && s.Programs[0].Host == s.File {
		return nil
	}
	files := []string{s.File}
	for _, st := range s.Stages {
		files = append(files, st.File)
		for _, in := range st.Instructions {
			files = append(files, in.File)
		}
	}
	if s.Context != "" {
		files = append(files, s.File+".dockerignore", filepath.Join(s.Context, ".dockerignore"))
	}
	files = slices.DeleteFunc(files, func(f string) bool { return f == "" })
	slices.Sort(files)
	return slices.Compact(files)
}

// shipDir is the ship's folder, which paths in a lock start from.
func shipDir(s ship.Ship) string {
	dir, err := filepath.Abs(s.Dir)
	if err != nil {
		return s.Dir
	}
	return dir
}

// settingsOf returns the flags that decide what is built, and that nothing
// else in a lock shows.
func settingsOf(o build.Options, target string) []lock.Setting {
	var all []lock.Setting
	if target != "" {
		all = append(all, lock.Setting{Name: "--target", Value: target})
	}
	for _, name := range slices.Sorted(maps.Keys(o.BuildArgs)) {
		all = append(all, lock.Setting{Name: "--build-arg " + name, Value: o.BuildArgs[name]})
	}
	if o.Prune {
		all = append(all, lock.Setting{Name: "--prune", Value: "yes"})
	}
	if o.Kernel != "" {
		all = append(all, lock.Setting{Name: "--kernel", Value: o.Kernel})
	}
	if o.Network {
		all = append(all, lock.Setting{Name: "--network", Value: "yes"})
	}
	return all
}

// noteSystem makes the catalog of a --sysroot tell the lock what is taken from
// it: there is no set whose digest says that. Times are those of the ship's own
// files, since a copy of the folder has others.
func (l *locking) noteSystem(o *build.Options) {
	if o.Catalog == nil {
		return
	}
	open, date := o.Catalog, o.Time
	if date.IsZero() {
		date = time.Unix(0, 0).UTC()
	}
	l.system = make(map[string]lock.File)
	o.Catalog = func(ctx context.Context, g image.Guest, sets []string) (tree.Catalog, error) {
		c, err := open(ctx, g, sets)
		if f, ok := c.(*hostdir.Folder); ok && err == nil {
			return notingFolder{f, l, date}, nil
		}
		return c, err
	}
}

// notingFolder is a folder that is taken files from.
type notingFolder struct {
	*hostdir.Folder
	l    *locking
	date time.Time
}

// Get implements tree.Catalog.
func (f notingFolder) Get(ctx context.Context, paths []string) ([]tree.Entry, error) {
	all, err := f.Folder.Get(ctx, paths)
	for i, e := range all {
		all[i].ModTime = f.date
		file := lock.File{Path: e.Path, Type: string(e.Type), Mode: fmt.Sprintf("%04o", e.Mode), Digest: e.Digest, Link: e.Link}
		if old, ok := f.l.system[e.Path]; !ok || old.Digest == "" {
			f.l.system[e.Path] = file
		}
	}
	return all, err
}
