package tree

import "context"

// A Catalog is a stock of files that a tree can be given some of: a release's
// sets, a folder of the host, an image. It knows what its files need without
// their bytes at hand.
type Catalog interface {
	// Stat returns the entry at the clean absolute path p, without following
	// links. Its Content and Digest may be empty. The error is
	// fs.ErrNotExist where there is none.
	Stat(ctx context.Context, p string) (Entry, error)
	// Needs returns what the File at p needs to run. That of a file that is
	// neither ELF nor a script is zero.
	Needs(ctx context.Context, p string) (Needs, error)
	// Below returns the entry at p and all that is below it, sorted by path.
	// Where there is none it returns none.
	Below(ctx context.Context, p string) ([]Entry, error)
	// Get returns the entries at paths with their bytes' digests and places,
	// in that order. It fails where one does not exist.
	Get(ctx context.Context, paths []string) ([]Entry, error)
	// String names the stock for messages: "NetBSD 10.1/i386 sets base, etc".
	String() string
}

// Needs is what a file needs so that it can be started or loaded.
type Needs struct {
	ELF    *ELF   `json:"elf,omitempty"`    // of programs and libraries
	Script string `json:"script,omitempty"` // interpreter named after #!, without its arguments
}
