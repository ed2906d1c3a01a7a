// Package store keeps the images that are on this machine, as ordinary OCI
// images (https://github.com/opencontainers/image-spec): each is a
// configuration, whose digest is the image's ID, and layers, which the
// configuration names by the digests of their uncompressed archives.
//
// A layer is kept unpacked, in a file that disks are made from directly. Its
// archive is made when an image is saved, and is always the same, since
// archive.WriteTar has one form for the same entries. What comes from elsewhere
// is put in that form too: an image of others keeps its files and its
// configuration, but has an ID of its own here.
package store

import (
	"log/slog"
	"path/filepath"
	"time"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// A Store keeps images in a folder:
//
//	index.json           names, and where images and layers came from
//	configs/<hex>.json   an image's configuration, named by its SHA-256
//	layers/<hex>.layer   a pack, named by the SHA-256 of the layer's archive
//	.lock                locked with flock(2) by who changes the set of these
//
// Layers are written first, then the configuration, then the names, each whole
// or not at all; they are removed in the opposite order. So what is in configs/
// is always a whole image, and what a killed process leaves is for Prune.
type Store struct {
	Dir    string       // "images" in the state folder; made when something is kept
	Logger *slog.Logger // may be nil
}

// A Layer is what a step of a build changed.
type Layer struct {
	// Entries are what is new or different, at most one for a path. A
	// Hardlink may name a file of a layer below.
	Entries []tree.Entry
	// Removed are paths that are no longer there, each with all below it;
	// with a slash at its end, only what layers below have in that folder.
	Removed   []string
	CreatedBy string // "COPY nginx.conf /etc/", in one line
	Empty     bool   // the step changed no file: there is only its text
}

// A Draft is an image that is not in the store yet.
type Draft struct {
	Names   []string // what it is called at once; the tag :latest may be left out
	Guest   image.Guest
	Config  image.Config
	Base    string    // ID of the image whose layers come first, if any
	Layers  []Layer   // those above it, from the bottom up
	Created time.Time // zero: the beginning of 1970
	Author  string
	Kernel  string // "sha256:…" of the kernel that it was made with
	// Packages are what Why leads through. Nil: those of the base.
	Packages []Package
}

// A Package is one whose files are in an image.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	For     string `json:"for,omitempty"`   // name of the package that needs it; empty: it was asked for
	Asked   string `json:"asked,omitempty"` // by what: `ship.conf:5 packages="nginx"`
}

// Info is what there is to know of an image without its files.
type Info struct {
	ID       string       `json:"id"`    // "sha256:" and hex
	Names    []string     `json:"names"` // with tags, sorted
	Guest    image.Guest  `json:"guest"`
	Created  time.Time    `json:"created"`
	Author   string       `json:"author,omitempty"`
	Size     int64        `json:"size"`   // bytes that its layers take here, also those that others share
	Layers   []string     `json:"layers"` // DiffIDs from the bottom up, "sha256:" and hex
	History  []History    `json:"history"`
	Config   image.Config `json:"config"`
	Kernel   string       `json:"kernel,omitempty"`
	Packages []Package    `json:"packages,omitempty"`
	Origin   string       `json:"origin,omitempty"` // the registry's address and digest that it was pulled by
}

// History is a step that made an image, the oldest first.
type History struct {
	Created   time.Time `json:"created,omitzero"`
	CreatedBy string    `json:"createdBy,omitempty"`
	Comment   string    `json:"comment,omitempty"`
	Layer     string    `json:"layer,omitempty"` // DiffID; empty where the step changed no file
	Size      int64     `json:"size"`            // bytes that the layer takes here
}

func (s *Store) indexPath() string { return filepath.Join(s.Dir, "index.json") }
func (s *Store) configDir() string { return filepath.Join(s.Dir, "configs") }
func (s *Store) layerDir() string  { return filepath.Join(s.Dir, "layers") }

func (s *Store) configPath(id string) string {
	return filepath.Join(s.configDir(), hexOf(id)+".json")
}

func (s *Store) layerPath(diffID string) string {
	return filepath.Join(s.layerDir(), hexOf(diffID)+layerSuffix)
}

// layerSuffix ends the names of layers' files.
const layerSuffix = ".layer"

func (s *Store) logger() *slog.Logger {
	if s.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Logger
}
