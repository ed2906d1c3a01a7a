package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

const (
	// maxAge is how old package lists may be: Debian's own daily timer.
	maxAge = 24 * time.Hour
	// youngAge is how old they may be for a package that is not in them to
	// be taken as one that there isn't.
	youngAge = 10 * time.Minute
	// retryAge is when a refresh that did not work is tried again.
	retryAge = time.Hour
	// unusedAge is how long a package list is kept that nobody asks for.
	unusedAge = 30 * 24 * time.Hour

	storedPrefix = "packages-" // of the names of package lists
	stateVersion = 1
)

// A kept is the Release file of a suite as it is kept, in one file whose time
// is when the archive was last asked. Its signature is checked each time that
// it is read, so that it counts for no more than the keys that are trusted now.
type kept struct {
	Version int    `json:"version"`
	Base    string `json:"base"`            // where the suite was found
	Stamp   string `json:"stamp,omitempty"` // what the server said of its state
	Release signed `json:"release"`
}

// A suite is one that can be looked into.
type suite struct {
	Suite
	kept    kept
	release release
	digest  string    // of the text that was signed
	asked   time.Time // when the archive was last asked
}

func (s *Source) keptPath(u Suite) string {
	return s.path("release-" + shortHash(s.base(), u.Name) + ".json")
}

// readKept reads what is kept of a suite, nil where there is nothing that can
// be used.
func (s *Source) readKept(u Suite, keys keyring) (*suite, error) {
	at := s.keptPath(u)
	b, err := os.ReadFile(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var k kept
	if err := json.Unmarshal(b, &k); err != nil || k.Version != stateVersion {
		return nil, nil // damaged, or another version's: to be got again
	}
	x, err := s.readRelease(u, k, keys)
	if err != nil {
		s.Log().Warn("get the Release file again", "suite", u.Name, "err", err)
		return nil, nil
	}
	fi, err := os.Stat(at)
	if err != nil {
		return nil, err
	}
	x.asked = fi.ModTime()
	return x, nil
}

// keep writes down a suite that was got.
func (s *Source) keep(x *suite) error {
	b, err := json.Marshal(x.kept)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(s.keptPath(x.Suite), b, 0o644)
}

// setAsked notes that the archive was asked at the time t.
func (s *Source) setAsked(suites []*suite, t time.Time) error {
	for _, x := range suites {
		if err := os.Chtimes(s.keptPath(x.Suite), t, t); err != nil {
			return err
		}
		x.asked = t
	}
	return nil
}

// readAll reads what is kept of all suites; nil where one is missing.
func (s *Source) readAll(keys keyring) ([]*suite, error) {
	var all []*suite
	for _, u := range s.suites() {
		x, err := s.readKept(u, keys)
		if x == nil || err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}

// oldest is when the archive was asked for the suite that it was longest ago
// for.
func oldest(suites []*suite) time.Time {
	t := suites[0].asked
	for _, x := range suites[1:] {
		if x.asked.Before(t) {
			t = x.asked
		}
	}
	return t
}

// Open returns the packages of the suites: from what is kept of them where that
// is recent, or where there is no getting at newer ones. With force it is
// recent for some minutes only. It reports whether the archive was asked.
//
// An archive that answers with what is not signed, has expired or was changed is
// an error even when there are older lists.
func (s *Source) Open(ctx context.Context, force bool) (_ *Index, fresh bool, err error) {
	if err := s.check(); err != nil {
		return nil, false, fmt.Errorf("read the Debian archive: %w", err)
	}
	keys, err := s.keyring()
	if err != nil {
		return nil, false, err
	}
	if s.Client == nil { // one for all requests
		c := *s
		c.Client = s.client()
		s = &c
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return nil, false, fmt.Errorf("read the Debian archive: %w", err)
	}
	unlock, err := atomicfile.Lock(ctx, s.path("lock"))
	if err != nil {
		return nil, false, fmt.Errorf("read the Debian archive: %w", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	suites, fresh, err := s.current(ctx, keys, force)
	if err != nil {
		return nil, false, err
	}
	x, err := s.load(ctx, suites)
	return x, fresh, err
}

// current returns the suites, after asking the archive where that is due.
func (s *Source) current(ctx context.Context, keys keyring, force bool) (_ []*suite, fresh bool, err error) {
	old, err := s.readAll(keys)
	if err != nil {
		return nil, false, fmt.Errorf("read the package lists: %w", err)
	}
	if s.Offline {
		if old == nil {
			return nil, false, fmt.Errorf("there are no package lists of %s at %s yet, and the network is not to be used: try once without --offline", s, s.Base)
		}
		return old, false, nil
	}
	if old != nil && !s.Refresh {
		age := s.time().Sub(oldest(old))
		if age >= 0 && age < maxAge && (!force || age < youngAge) {
			return old, false, nil
		}
	}
	s.Say("get package lists of " + s.String())
	suites, err := s.refresh(ctx, keys)
	switch {
	case err == nil:
		return suites, true, nil
	case old == nil || ctx.Err() != nil || untrusted(err):
		return nil, false, fmt.Errorf("get package lists: %w", err)
	}
	s.Log().Warn("package lists are not new", "err", err)
	s.Say("no new package lists, going on with those at hand: " + err.Error())
	return old, false, s.setAsked(old, s.time().Add(retryAge-maxAge))
}

// Key identifies what Open would find with the lists at hand, however old they
// are: it changes with them and with the archive's address. It is empty where
// there are none.
func (s *Source) Key() string {
	if s.check() != nil {
		return ""
	}
	keys, err := s.keyring()
	if err != nil {
		return ""
	}
	suites, err := s.readAll(keys)
	if err != nil || suites == nil {
		return ""
	}
	return s.key(suites)
}

func (s *Source) key(suites []*suite) string {
	parts := []string{s.base(), s.arch()}
	for _, x := range suites {
		parts = append(parts, x.Name, fmt.Sprint(x.components()), x.digest)
	}
	return shortHash(parts...)
}
