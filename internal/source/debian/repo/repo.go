// Package repo reads archives of Debian packages without apt: it gets the
// signed Release file of each suite, checks whose it is, how old it is and
// what it names, gets the package lists that it has digests of, and finds what
// packages depend on.
//
// The layout of an archive is that of Debian's wiki page RepositoryFormat; the
// lists are written as Debian Policy 5 says, relations as its chapter 7.
package repo

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/source"
)

// A Source is an archive and the suites of it to take packages from. Several
// may share a Dir, in one process or many.
type Source struct {
	// Base is the address or the folder of the archive, where dists and pool
	// are.
	Base string
	// Suites are looked at together, and the newest version of a package is
	// taken. One whose name ends in "-security" and that is not below Base is
	// looked for at Base with "-security" at its end, where Debian's mirrors
	// have it. The suite "stable" alone when empty.
	Suites []Suite
	Arch   string // Debian's name of the processor; "amd64" when empty
	// Keyring is the file of the OpenPGP keys, armored or not, that a Release
	// file has to be signed with one of. Empty for the keys that the host has
	// for Debian's own archive.
	Keyring string

	Dir     string        // folder of our own for package lists
	Client  *fetch.Client // nil: one whose Dir is in Dir
	Offline bool          // use the package lists that are there
	Refresh bool          // get new package lists even when there are recent ones

	source.Observer

	now func() time.Time // nil: time.Now; tests have another
}

// A Suite is a distribution of an archive, such as "bookworm-updates".
type Suite struct {
	Name       string   // suite or codename
	Components []string // "main" when empty
}

// Errors that callers tell apart.
var (
	// ErrNotFound is wrapped where the suites have no such package.
	ErrNotFound = errors.New("package not found")
	// ErrSignature is wrapped where a Release file is not signed as it has to
	// be.
	ErrSignature = errors.New("not signed by a key that is trusted")
	// ErrExpired is wrapped where a Release file is older than it says that
	// it may be.
	ErrExpired = errors.New("expired")
)

const usualSuite = "stable"

// plainName is the name of a suite or component: part of an address, and of
// the names of files of our own.
var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._~-]*$`)

// ParseSuite reads "bookworm", or "bookworm:main+contrib".
func ParseSuite(text string) (Suite, error) {
	name, list, found := strings.Cut(text, ":")
	s := Suite{Name: name}
	if found {
		s.Components = strings.Split(list, "+")
	}
	if err := s.check(); err != nil {
		return Suite{}, fmt.Errorf("suite %q: %w: write as bookworm, or as bookworm:main+contrib", text, err)
	}
	return s, nil
}

func (s Suite) check() error {
	for _, n := range append([]string{s.Name}, s.Components...) {
		if !plainName.MatchString(n) {
			return fmt.Errorf("%q is not the name of a suite or component", n)
		}
	}
	return nil
}

func (s Suite) components() []string {
	if len(s.Components) == 0 {
		return []string{"main"}
	}
	return s.Components
}

// check reports what of the Source can't be used.
func (s *Source) check() error {
	if s.Base == "" {
		return errors.New("no archive is named: do so with --debian ADDRESS")
	}
	for _, u := range s.suites() {
		if err := u.check(); err != nil {
			return err
		}
	}
	if !plainName.MatchString(s.arch()) {
		return fmt.Errorf("%q is not the name of a processor", s.arch())
	}
	return nil
}

func (s *Source) suites() []Suite {
	if len(s.Suites) == 0 {
		return []Suite{{Name: usualSuite}}
	}
	return s.Suites
}

// String returns "bookworm bookworm-security amd64", for messages.
func (s *Source) String() string {
	var names []string
	for _, u := range s.suites() {
		names = append(names, u.Name)
	}
	return strings.Join(append(names, s.arch()), " ")
}

func (s *Source) arch() string         { return cmp.Or(s.Arch, "amd64") }
func (s *Source) base() string         { return strings.TrimRight(s.Base, "/") }
func (s *Source) path(n string) string { return filepath.Join(s.Dir, n) }

func (s *Source) time() time.Time {
	if s.now != nil {
		return s.now()
	}
	return time.Now()
}

func (s *Source) client() *fetch.Client {
	if s.Client != nil {
		return s.Client
	}
	return &fetch.Client{Dir: s.path("downloads"), Remedy: "use another --debian"}
}

// shortHash names files of our own after what they are of.
func shortHash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:12])
}
