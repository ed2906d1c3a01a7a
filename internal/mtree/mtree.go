// Package mtree reads specifications of file hierarchies, as mtree(8) and
// makefs(8) of NetBSD take them: a line for each file, with its name and what
// is known of it.
//
//	# a comment
//	/set uid=0 gid=0
//	.               type=dir mode=0755
//	    etc         type=dir mode=0755
//	        passwd  type=file mode=0644
//	    ..
//	./dev           type=dir mode=0755
//	./dev/console   type=char mode=0600 device=netbsd,0,0
//
// A name without a slash is in the folder that was named last, which ".."
// leaves; one with a slash is a path from the root. Names are encoded by
// vis(3), lines go on after a backslash, and "/set" gives what the lines
// after it do not say.
//
// A specification may come from anywhere: lines, names and their number are
// bounded, and errors begin with the file's name and the line.
package mtree

import (
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// Bounds of a specification.
const (
	maxLine    = 1 << 20   // bytes in a line, with those that continue it
	maxEntries = 4 << 20   // files
	maxName    = 255       // bytes in a name (NAME_MAX)
	maxPath    = 4096      // bytes in a path
	maxPaths   = 512 << 20 // bytes in all paths
)

// Keys are keywords of a specification.
type Keys uint32

// The keywords that say something of a file as it shall be. All others are
// read over: they are for checks, which are mtree(8)'s.
const (
	Type Keys = 1 << iota
	Mode
	UID
	UName
	GID
	GName
	Size
	Time
	Link
	Device
	Flags
	Contents // of FreeBSD and libarchive
	Optional
)

// An Entry is what a specification says of a file.
type Entry struct {
	// Path is absolute and clean: "/", "/etc/passwd".
	Path string
	// Line of the specification that names it.
	Line int
	// Given are the keywords that were given. The fields of others are
	// zero.
	Given Keys
	// Type has the type alone: 0 for a regular file, else fs.ModeDir and so
	// on. A character device has fs.ModeDevice too.
	Type fs.FileMode
	// Mode has the permissions, with fs.ModeSetuid, fs.ModeSetgid and
	// fs.ModeSticky.
	Mode fs.FileMode
	// UID is the owner, also where it was given by name; GID is the group.
	UID, GID uint32
	// Size in bytes.
	Size int64
	// Time of the last modification.
	Time time.Time
	// Link is what a symbolic link says.
	Link string
	// Major and Minor are the numbers of a device, as NetBSD counts them.
	Major, Minor uint32
	// Flags as in chflags(2).
	Flags uint32
	// Contents is the path of the file whose contents it has.
	Contents string
}

// Has tells whether all of the keywords were given.
func (e Entry) Has(k Keys) bool { return e.Given&k == k }

// HasOwner tells whether the owner was given, by number or name.
func (e Entry) HasOwner() bool { return e.Given&(UID|UName) != 0 }

// HasGroup tells whether the group was given, by number or name.
func (e Entry) HasGroup() bool { return e.Given&(GID|GName) != 0 }

// IDs find the numbers of users and groups. A nil function knows nobody.
type IDs struct {
	User, Group func(name string) (uint32, error)
}

// An Error is what is wrong in a line of a specification.
type Error struct {
	File string
	Line int
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// TypeName is the word for a file's type: "file", "dir", "link" and so on.
func TypeName(m fs.FileMode) string {
	for _, t := range types {
		if t.mode == m.Type() {
			return t.name
		}
	}
	return m.Type().String()
}

// types are the words for files' types.
var types = []struct {
	name string
	mode fs.FileMode
}{
	{"block", fs.ModeDevice},
	{"char", fs.ModeDevice | fs.ModeCharDevice},
	{"dir", fs.ModeDir},
	{"fifo", fs.ModeNamedPipe},
	{"file", 0},
	{"link", fs.ModeSymlink},
	{"socket", fs.ModeSocket},
}

func typeNames() []string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.name
	}
	return names
}

func parseType(s string) (fs.FileMode, error) {
	for _, t := range types {
		if t.name == s {
			return t.mode, nil
		}
	}
	return 0, fmt.Errorf("unknown type %q%s: it is one of %s", s, didYouMean(s, typeNames()), strings.Join(typeNames(), ", "))
}
