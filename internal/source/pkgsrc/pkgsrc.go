// Package pkgsrc takes binary packages of pkgsrc, with all that they depend
// on, into a tree: without root, without NetBSD and without pkg_add.
//
// A repository is a folder of packages and a summary of them, pkg_summary(5).
// Patterns and versions mean what they do to pkg_add(1); a package is a tar
// archive with a packing list, pkg_create(1), and with scripts, whose tables
// of users, folders and configuration (mk/pkginstall of pkgsrc) are carried
// out here. What else a script does is left to the guest's own shell, and
// reported.
package pkgsrc

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/fakecracker/fakecracker/internal/accounts"
	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/spelling"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// A Source is a repository of binary packages. Several may share a Dir, in
// one process or many.
type Source struct {
	// Mirror is the address or the folder that has pkg_summary.gz and the
	// packages: …/packages/NetBSD/i386/10.1/All.
	Mirror string
	// OS, Arch and Release are what the packages are for, and are in
	// messages: "NetBSD", "i386" or "amd64", "10.1". Packages for another OS
	// or Arch are refused; empty ones are not looked at.
	OS, Arch, Release string

	Dir    string // folder of our own for package lists and unpacked packages
	Prefix string // where the packages go; that which they were built for when empty: /usr/pkg
	// DBDir is where packages are registered, for pkg_info(1) and pkgin(1) in
	// the guest: pkgdb in the prefix when empty, as since the end of 2020.
	// Older tools have /var/db/pkg.
	DBDir string
	// Time is the modification time of files that have none of their own.
	// The zero value means 1970, so that trees are reproducible.
	Time time.Time

	// Locked are the digests, "sha256:" and hex, that packages' files must
	// have, by their names; those that are not in it may have any.
	Locked map[string]string
	// Keyring is a file of OpenPGP keys, armored or not: all packages must be
	// signed by one of them. Where it is empty nobody looks who signed.
	Keyring string
	// AllowUnverified takes packages by plain HTTP even where neither a digest
	// nor a signature tells whether they are what was published.
	AllowUnverified bool

	Client  *fetch.Client // nil: one whose Dir is in Dir
	Offline bool          // use the package list and packages that are there
	Refresh bool          // look for a new package list even when there is a recent one
	MaxAge  time.Duration // how long a package list is recent; 0: six hours

	source.Observer
}

const (
	usualPrefix = "/usr/pkg"
	usualMaxAge = 6 * time.Hour
	// youngAge is how old a package list has to be for a look at a newer one
	// when something is missing.
	youngAge = time.Minute
	// parallel is how many packages are got and unpacked at the same time.
	parallel = 4
)

// Packages returns a tree with the named packages and all that they depend on,
// on top of nothing. The numbers of users that the packages bring are those of
// a new NetBSD, and the files of accounts are not in it: for a tree that has a
// base system, use Install.
func (s *Source) Packages(ctx context.Context, names []string) (tree.Tree, source.Report, error) {
	in, err := s.Install(ctx, names)
	if err != nil {
		return tree.Tree{}, source.Report{}, err
	}
	db := &accounts.DB{}
	if err := db.Default(accounts.NetBSD); err != nil {
		return tree.Tree{}, source.Report{}, err
	}
	var t tree.Tree
	if err := in.apply(&t, db); err != nil {
		return tree.Tree{}, source.Report{}, err
	}
	return t, in.Report, nil
}

// Install gets the named packages and all that they depend on, and returns
// them ready for Installed.Apply. A name may be a pattern of pkg_info(1), or
// the beginning of a name and version, as "apache-2.4".
func (s *Source) Install(ctx context.Context, names []string) (*Installed, error) {
	if len(names) == 0 {
		return &Installed{t0: s.time()}, nil
	}
	in, fresh, err := s.installFrom(ctx, s.Refresh, names)
	if s.outdated(err) && !fresh && !s.Offline {
		// The list may be older than what it lists.
		if newer, fresh, nerr := s.installFrom(ctx, true, names); fresh {
			return newer, nerr
		}
	}
	return in, err
}

// installFrom is Install with one package list. It reports whether the
// repository was asked for that.
func (s *Source) installFrom(ctx context.Context, force bool, names []string) (in *Installed, fresh bool, err error) {
	x, fresh, err := s.open(ctx, force)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = cmp.Or(err, x.Close()) }()
	in, err = s.install(ctx, x, names)
	return in, fresh, err
}

// outdated reports whether an error can come from an old package list.
func (s *Source) outdated(err error) bool {
	var missing notFoundError
	return errors.As(err, &missing) || errors.Is(err, fetch.ErrNotThere) || errors.Is(err, errNotAsListed)
}

func (s *Source) install(ctx context.Context, x *index, names []string) (*Installed, error) {
	choices, err := s.resolve(x, names)
	if err != nil {
		return nil, err
	}
	all, err := s.load(ctx, choices)
	if err != nil {
		return nil, err
	}
	in := &Installed{t0: s.time(), dbDir: s.dbDir(), plans: make([]plan, len(choices))}
	in.Report.Key = s.key(x.header)
	for i, c := range choices {
		pkg := s.describe(choices, c, all[i])
		in.Report.Packages = append(in.Report.Packages, pkg)
		var notes []source.Note
		in.plans[i], notes = planOf(pkg, all[i], s.prefix(all[i]))
		in.Report.Notes = append(in.Report.Notes, notes...)
		in.records = append(in.records, s.recordOf(choices, i, pkg, all[i]))
		s.reportOn(in, in.plans[i], all[i])
	}
	in.Report.Notes = append(s.unverified(choices, in.Report.Packages), in.Report.Notes...)
	in.Report.System = required(choices)
	return in, nil
}

// resolve chooses packages, and says what may have been meant by a name that
// is not there.
func (s *Source) resolve(x *index, names []string) ([]choice, error) {
	choices, err := x.resolve(names)
	if missing, ok := errors.AsType[notFoundError](err); ok {
		return nil, fmt.Errorf("%w in %s%s", missing, s, s.suggestion(x, missing.name))
	}
	if err != nil {
		return nil, fmt.Errorf("choose packages of %s: %w", s, err)
	}
	for _, c := range choices {
		if !matches(s.Arch, c.Arch) || (s.OS != "" && c.OS != "" && s.OS != c.OS) {
			return nil, fmt.Errorf("%s of %s is for %s/%s, not for %s/%s: use another mirror", c.name(), s.Mirror, c.OS, c.Arch, s.OS, s.Arch)
		}
	}
	return choices, nil
}

// matches reports whether packages for the processor have can run on that
// which is wanted: NetBSD's ports and pkgsrc name some of them differently.
func matches(want, have string) bool {
	names := map[string]string{"amd64": "x86_64", "arm64": "aarch64", "evbarm-aarch64": "aarch64"}
	return want == "" || have == "" || cmp.Or(names[want], want) == cmp.Or(names[have], have)
}

// suggestion ends the message about a name that is not there.
func (s *Source) suggestion(x *index, name string) string {
	if base, _, ok := splitName(name); ok && len(x.named(base)) > 0 {
		return fmt.Sprintf(" (it has %s)", x.named(base)[0].name())
	}
	if near := spelling.Nearest(name, x.bases()); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	return ""
}

// String returns "pkgsrc NetBSD 10.1 i386".
func (s *Source) String() string {
	text := "pkgsrc"
	for _, part := range []string{s.OS, s.Release, s.Arch} {
		if part != "" {
			text += " " + part
		}
	}
	return text
}

// treeVersion is counted up when the same packages make another tree.
const treeVersion = 2

// Key identifies what Packages would find with the package list at hand,
// however old that is: it changes with the list and with what this Source was
// told. It is empty when there is no list, or when Refresh asks for a new one.
func (s *Source) Key() string {
	if s.Refresh {
		return ""
	}
	h, err := readHeader(s.indexPath())
	if err != nil || s.changed(context.Background(), h) { // nothing is waited for
		return ""
	}
	return s.key(h)
}

func (s *Source) key(h header) string {
	keys := "none"
	if s.Keyring != "" {
		b, err := os.ReadFile(s.Keyring)
		keys = fmt.Sprintf("%x %v", sha256.Sum256(b), err)
	}
	text := fmt.Sprintf("%d %q %q %q %q %q %q %q %t %d", treeVersion, h.Digest, h.Sums, s.OS, s.Arch, s.Prefix, s.DBDir, keys, s.AllowUnverified, s.time().UnixNano())
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func (s *Source) prefix(u *unpacked) string { return path.Clean(cmp.Or(s.Prefix, u.list.prefix)) }

func (s *Source) dbDir() string {
	return cmp.Or(s.DBDir, path.Join(cmp.Or(s.Prefix, usualPrefix), "pkgdb"))
}

func (s *Source) client() *fetch.Client {
	if s.Client != nil {
		return s.Client
	}
	return &fetch.Client{Dir: filepath.Join(s.Dir, "downloads"), Remedy: "use another mirror"}
}

func (s *Source) time() time.Time {
	if s.Time.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return s.Time
}
