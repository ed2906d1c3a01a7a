// Package ship reads what a user wrote about a service (a sailor .conf, a
// Dockerfile or SMOLerfile, a folder with one, a single program) into a Ship: what goes in, what is
// started, and what it needs. It builds nothing.
package ship

import "github.com/fakecracker/fakecracker/internal/image"

// A Ship says what a guest's root holds and what runs in it, as its author
// wrote it. Names are not resolved yet: packages may not exist.
type Ship struct {
	Name string `json:"name"`
	File string `json:"file,omitempty"` // the definition, as the user named it
	Dir  string `json:"dir,omitempty"`  // the folder that relative paths start from
	// Source identifies what was read to make the ship, as "sha256:…": the
	// raw bytes of the definition and of each file that it included or read
	// (INCLUDE, the shell's . and <, .dockerignore), under names relative to
	// its folder, so that it is the same on any machine. Two ships that are
	// alike but for this can differ in what the other fields don't hold, such
	// as the text of a heredoc. It is empty for a ship of a single program,
	// and doesn't cover what programs of the host read
	// (Options.AllowHostCommands).
	Source string `json:"source,omitempty"`

	Guest image.Guest `json:"guest"` // empty fields: whatever the user asks for

	ShipPath string   `json:"shippath,omitempty"` // where sailor would have built it; noted, never written to
	Packages []string `json:"packages,omitempty"`
	Bins     []string `json:"shipbins,omitempty"` // files or globs of the guest's system, with their libraries
	SyncDirs []string `json:"sync_dirs,omitempty"`
	Services []string `json:"services,omitempty"` // rc.d names, each <name>=YES in rc.conf
	Hooks    Hooks    `json:"hooks,omitzero"`

	Sets    []string `json:"sets,omitempty"`    // NetBSD sets, besides those of From: "base", "comp:/usr/bin/strip"
	Release string   `json:"release,omitempty"` // of the guest's system, "10.1"; "": the newest that is known
	Also    []string `json:"also,omitempty"`    // files or globs of the guest's system that dlopen needs
	Prune   bool     `json:"prune,omitempty"`   // leave out what nothing reaches

	Overlays []Overlay `json:"overlays,omitempty"` // host folders copied over the files, in this order
	Programs []Program `json:"programs,omitempty"` // host programs copied in

	Config image.Config `json:"config"`

	// Of a Dockerfile or SMOLerfile: its stages, of which the last is the
	// ship, unless Options.Target names another; the folder that COPY takes
	// files from, and the patterns of its .dockerignore. Packages are then
	// what a SMOLerfile's addpkgs asks for.
	Stages  []Stage  `json:"stages,omitempty"`
	Context string   `json:"context,omitempty"`
	Ignore  []string `json:"ignore,omitempty"`

	// Lines holds the line of the definition on which each variable was
	// last set, for messages: "ship.conf:5".
	Lines map[string]int `json:"lines,omitempty"`
	// Notes are things the author should know: a setting that has no
	// effect here, a fault of sailor's that is put right.
	Notes []string `json:"notes,omitempty"`
}

// Hooks are shell commands run in the tree at points of its life, in order.
type Hooks struct {
	Build       []string `json:"build,omitempty"`
	image.Hooks          // the others, which Config has, too
}

// An Overlay is a host folder whose files go over the tree.
type Overlay struct {
	Dir string `json:"dir"`
	// Keep leaves files that are already there (rsync --ignore-existing).
	Keep bool `json:"keep,omitempty"`
}

// A Program is a host file put into the tree, mode 0755.
type Program struct {
	Host  string `json:"host"`  // path on the host
	Guest string `json:"guest"` // absolute path in the guest
}
