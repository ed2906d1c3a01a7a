// Package lock writes down what an image was made from: ship.lock, by which
// it can be made again of the same parts.
package lock

import (
	"time"

	"github.com/fakecracker/fakecracker/internal/source"
)

// Version is that of the files that are written; no other can be read. Those
// of version 1 had neither definition nor settings, and so can hold no build
// to them.
const Version = 2

// A Lock is what one build of a ship was made from.
type Lock struct {
	Version int       `json:"version"`
	Ship    string    `json:"ship"`              // its name
	Guest   string    `json:"guest"`             // "netbsd/i386"
	Release string    `json:"release,omitempty"` // of the guest's system, where sets or pkgsrc's packages are in it
	Date    time.Time `json:"date"`              // of the ship's own files and all that has no date
	Image   string    `json:"image,omitempty"`   // ID of what came out, "sha256:" and hex

	// Definition is what the ship was read from: the definition, what it
	// includes, and what says which files of its folder do not count.
	Definition []Definition `json:"definition"`
	Settings   []Setting    `json:"settings"` // that decide what comes out

	Sets     []Package `json:"sets"`
	Packages []Package `json:"packages"`
	System   []File    `json:"system"`  // of a folder of the host that stands for the sets
	Files    []File    `json:"files"`   // of the ship's own
	Images   []Image   `json:"images"`  // that it builds on
	Fetched  []Fetched `json:"fetched"` // what ADD got by its address
	Steps    []Step    `json:"steps"`   // in the order that they were carried out
	Changes  []Change  `json:"changes"` // that steps made
}

// A Definition is one of the files that say what a ship is.
type Definition struct {
	Path   string `json:"path"` // as that of a File
	Digest string `json:"digest"`
}

// A Setting is a flag of the command line, as "--target".
type Setting struct {
	Name  string `json:"name"` // with the argument's, where it may be given for several: "--build-arg LEVEL"
	Value string `json:"value"`
}

// A Package is a package or a set, in its version.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Arch    string `json:"arch,omitempty"`
	File    string `json:"file,omitempty"`
	Digest  string `json:"digest,omitempty"` // of the file, "sha256:" or "sha512:" and hex
	URL     string `json:"url,omitempty"`    // where it was got from; another mirror's will do
	For     string `json:"for,omitempty"`    // the package that needs it; empty: it was asked for
}

// PackageOf returns p as it is locked.
func PackageOf(p source.Package) Package {
	return Package{Name: p.Name, Version: p.Version, Arch: p.Arch, File: p.File, Digest: p.Digest, URL: p.URL, For: p.For}
}

// A File is a file, folder or link that the ship brings, or one of the system.
type File struct {
	Path   string `json:"path"` // from the ship's folder, with slashes; absolute where it is far from there, or in the guest
	Type   string `json:"type"` // "file", "dir", "link", "hardlink"
	Mode   string `json:"mode"` // "0644"
	Digest string `json:"digest,omitempty"`
	Link   string `json:"link,omitempty"` // of a symbolic link
}

// An Image is one that a ship builds on or copies from.
type Image struct {
	Ref string `json:"ref"`
	ID  string `json:"id"`
}

// Fetched is a file that was got by its address.
type Fetched struct {
	URL    string `json:"url"`
	Digest string `json:"digest"`
}

// A Step is a RUN or a command of run_at_build, and what came of it.
type Step struct {
	Text   string `json:"text"`
	Key    string `json:"key,omitempty"` // of the step and all that it found; empty: it needed no guest
	Digest string `json:"digest"`        // of all that it changed
}

// A Change is a path that a step changed.
type Change struct {
	Step int    `json:"step"` // its place in Steps
	Path string `json:"path"`
	Is   string `json:"is"` // what it is now, in one line
}

// Expect returns the digests of what the steps made, by their keys.
func (l *Lock) Expect() map[string]string {
	all := make(map[string]string)
	for _, s := range l.Steps {
		if s.Key != "" {
			all[s.Key] = s.Digest
		}
	}
	return all
}
