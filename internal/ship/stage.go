package ship

import (
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/fakecracker/fakecracker/internal/image"
)

// A Stage is one FROM of a Dockerfile or SMOLerfile and what follows it, as
// written. Evaluate turns it into steps once the configuration of what it
// builds on is known, since words may name variables of that.
type Stage struct {
	Name string `json:"name,omitempty"` // AS name, else empty; others name it by its index, too
	From From   `json:"from"`
	Line int    `json:"line"`
	File string `json:"file,omitempty"` // as Instruction.File

	Instructions []Instruction `json:"instructions,omitempty"`

	def   *definition // what it shares with the other stages
	index int         // among them
}

// From is what a stage builds on. Exactly one of the fields is set, besides
// Guest.
type From struct {
	Scratch bool     `json:"scratch,omitempty"` // nothing
	Stage   string   `json:"stage,omitempty"`   // an earlier stage, by its index in decimal
	Sets    []string `json:"sets,omitempty"`    // NetBSD sets: "base", "comp:/usr/bin/strip", or a path with a /
	Disk    string   `json:"disk,omitempty"`    // a disk image's file, "build-amd64.img"
	Image   string   `json:"image,omitempty"`   // one of our images, else one of a registry

	Guest image.Guest `json:"guest,omitzero"` // of --platform
}

// An Instruction is one of a stage, as written.
type Instruction struct {
	Line int    `json:"line"`
	Text string `json:"text"`           // "COPY nginx.conf /etc/", in one line
	File string `json:"file,omitempty"` // where it stands, if INCLUDE brought it from another file

	node   *parser.Node // what the parser made of it
	escape rune         // of the file that it stands in
}

// A Step is an instruction, or a part of a sailor definition, that is ready
// to be carried out. At most one of Copy, Run and Make is set; where none is,
// only the configuration changes.
type Step struct {
	Line int    `json:"line"`
	File string `json:"file,omitempty"` // where it stands
	Text string `json:"text"`

	Copy *Copy `json:"copy,omitempty"`
	Run  *Run  `json:"run,omitempty"`
	Make *Make `json:"make,omitempty"`

	Config image.Config `json:"config"` // after the step; it shares memory with other steps', so copy it before a change
}

// Copy puts files into the tree (COPY, ADD).
type Copy struct {
	From     string   `json:"from,omitempty"`    // "": the build context; the index of a stage; or an image's name
	Stage    bool     `json:"stage,omitempty"`   // From is a stage's index
	Sources  []string `json:"sources,omitempty"` // paths or patterns in it; http(s) addresses only with Fetch
	Inline   []Inline `json:"inline,omitempty"`  // heredocs
	Dest     string   `json:"dest"`              // absolute; with a / behind it, a folder
	Chown    string   `json:"chown,omitempty"`   // user[:group], names or numbers; "": root
	Chmod    string   `json:"chmod,omitempty"`   // octal, or symbolic as chmod(1)
	Exclude  []string `json:"exclude,omitempty"` // patterns as in .dockerignore
	Parents  bool     `json:"parents,omitempty"`
	Fetch    bool     `json:"fetch,omitempty"`    // ADD: addresses are fetched…
	Unpack   bool     `json:"unpack,omitempty"`   // …and local archives unpacked
	Checksum string   `json:"checksum,omitempty"` // "sha256:…" of the one address
}

// Inline is a file whose bytes stand in the definition.
type Inline struct {
	Name string `json:"name"`
	Data string `json:"data"`
}

// Run runs a command in the tree's own system (RUN, run_at_build).
type Run struct {
	Args  []string `json:"args"`            // argv, the shell of a shell form included
	Shell bool     `json:"shell,omitempty"` // Args is a shell, its options, and one command text
	Env   []string `json:"env,omitempty"`   // K=V
	User  string   `json:"user,omitempty"`  // with :group; "": root
	Dir   string   `json:"dir,omitempty"`   // "": /
}

// Make makes what an instruction needs to be there.
type Make struct {
	Dirs  []string `json:"dirs,omitempty"`  // folders (WORKDIR, VOLUME), with their parents
	Owner string   `json:"owner,omitempty"` // of those folders, user[:group]
	User  string   `json:"user,omitempty"`  // an account (USER of a SMOLerfile), unless there is one
}
