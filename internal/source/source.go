// Package source holds the words that all sources of files share: what a
// package is, and what there is to say of files beside the files themselves.
// Each way to get files is a package below this one.
package source

import (
	"fmt"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// A Package is one version of a package whose files are in a tree.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Arch    string `json:"arch,omitempty"`
	File    string `json:"file,omitempty"`   // base name of the package's file
	Size    int64  `json:"size,omitempty"`   // bytes of that file
	Digest  string `json:"digest,omitempty"` // of that file, "sha256:" or "sha512:" and hex
	URL     string `json:"url,omitempty"`    // where it was got from

	License  string `json:"license,omitempty"`
	Homepage string `json:"homepage,omitempty"`

	// For says which package depends on it, the first one found; empty for
	// a package that was asked for.
	For string `json:"for,omitempty"`
}

// String returns "nginx 1.22.1-9".
func (p Package) String() string { return p.Name + " " + p.Version }

// Why is the Entry.Why of the package's files.
func (p Package) Why() string { return "package " + p.String() }

// A Report says what a tree of packages does not show.
type Report struct {
	Packages []Package `json:"packages"`
	// Key changes when the same names may mean other packages than before.
	Key string `json:"-"`
	// Notes name each command of a maintainer script that was not run, and
	// each other thing that differs from an installed system.
	Notes []Note `json:"notes,omitempty"`
	// System are files of the base system that the packages name as needed
	// (pkgsrc's REQUIRES), by path, with the package that says so.
	System []Requirement `json:"system,omitempty"`
	// Pruned counts the files left out as documentation and translations.
	PrunedFiles int   `json:"prunedFiles"`
	PrunedBytes int64 `json:"prunedBytes"`
	// Scripts are to be run in the guest's own system, in this order, once
	// all files are in place.
	Scripts []Script `json:"scripts,omitempty"`
	// Tools are files that are there only while Scripts run, where the tree has
	// nothing at their paths.
	Tools tree.Tree `json:"-"`
	// Finish does what packages do to files that others may bring, and so
	// comes after those: accounts, and configuration files where there are
	// none. It may be nil.
	Finish func(t *tree.Tree) error `json:"-"`
}

// A Requirement is a file of the base system that a package needs.
type Requirement struct {
	Path    string `json:"path"`
	Package string `json:"package"`
}

// A Script is a maintainer script that only the guest's own shell can run.
type Script struct {
	Package string     `json:"package"` // "nginx 1.26.2"
	File    tree.Entry `json:"file"`    // where it has to be while it runs
	Args    []string   `json:"args"`    // argv; Args[0] is File.Path
	Env     []string   `json:"env,omitempty"`
	Dir     string     `json:"dir,omitempty"` // where it runs; the folder of File when empty
}

// A Note is about one place of a package.
type Note struct {
	Package string `json:"package"`
	Script  string `json:"script,omitempty"` // "postinst"; empty where the note is about no command
	Line    int    `json:"line,omitempty"`   // of the script, from 1
	Text    string `json:"text"`             // the command, or what is to be said
	// Known is set for commands that have no meaning before a guest has
	// booted: starting services, reloading managers, rebuilding caches.
	Known bool `json:"known,omitempty"`
	// Guest is set when one of the report's Scripts does what the note is
	// about, which is so done.
	Guest bool `json:"guest,omitempty"`
}

// String returns the note in one line.
func (n Note) String() string {
	s := "package " + n.Package
	if n.Script != "" {
		s += fmt.Sprintf(": %s:%d", n.Script, n.Line)
	}
	return s + ": " + n.Text
}
