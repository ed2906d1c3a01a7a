package debian

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// refreshMode says how much a refresh of the package lists is wanted.
type refreshMode int

const (
	ifStale refreshMode = iota // missing, over a day old, or the host's sources have changed
	always
)

// refresh gets new package lists. It reports whether it did. Where that does
// not work although there are lists, it goes on with those.
func (a *apt) refresh(ctx context.Context, mode refreshMode) (bool, error) {
	stamp := a.stamp("updated")
	if mode == ifStale && !a.s.Refresh && !stale(stamp) {
		return false, nil
	}
	if a.s.Offline {
		if stamp.IsZero() {
			return false, errors.New("there are no package lists yet, and the network is not to be used: try once without --offline")
		}
		return false, nil
	}
	if mode == ifStale && !a.s.Refresh && !stamp.IsZero() && time.Since(a.stamp("failed")) < retryAge {
		return false, nil
	}
	a.s.Say("get package lists")
	err := a.get(ctx, a.dir, func(string) {}, "update", "-q", "-o", "APT::Update::Error-Mode=any")
	if err == nil {
		return true, a.setStamp("updated")
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if errors.Is(err, errNoApt) {
		return false, err
	}
	if !a.hasLists() {
		return false, fmt.Errorf("get package lists with the sources of /etc/apt: %w (is the network there?)", err)
	}
	a.s.Log().Warn("package lists are not all new", "err", err)
	a.s.Say("package lists could not all be had, going on with those at hand: " + err.Error())
	if stamp.IsZero() { // the first time, some of several sources: good enough
		return true, errors.Join(a.setStamp("updated"), a.setStamp("failed"))
	}
	return false, a.setStamp("failed")
}

// stale reports whether lists that were got at the time t are too old.
func stale(t time.Time) bool {
	return time.Since(t) > maxAge || sourcesChanged().After(t)
}

// sourcesChanged returns when the host's apt sources were last changed.
func sourcesChanged() time.Time {
	var last time.Time
	patterns := []string{os.Getenv("APT_CONFIG")} // as apt-get takes it from its environment
	for _, name := range []string{"sources.list", "preferences", "apt.conf"} {
		p := filepath.Join("/etc/apt", name)
		patterns = append(patterns, p, p+".d", p+".d/*")
	}
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue
		}
		for _, p := range found {
			if fi, err := os.Stat(p); err == nil && fi.ModTime().After(last) {
				last = fi.ModTime()
			}
		}
	}
	return last
}

// hasLists reports whether any package list was ever got.
func (a *apt) hasLists() bool {
	found, err := filepath.Glob(filepath.Join(a.dir, "lists", "*_Packages*"))
	return err == nil && len(found) > 0
}

func (a *apt) stamp(name string) time.Time {
	fi, err := os.Stat(filepath.Join(a.dir, name))
	if err != nil {
		return time.Time{}
	}
	return fi.ModTime()
}

func (a *apt) setStamp(name string) error {
	return atomicfile.WriteFile(filepath.Join(a.dir, name), nil, 0o644)
}

// Key identifies what Packages would find with the package lists at hand,
// however old they are: it changes with them, with the host's apt sources and
// with what this Source was told. It is empty when there are no lists, or when
// Refresh asks for new ones.
func (s *Source) Key() string {
	switch {
	case s.Refresh:
		return ""
	case s.Archive != nil:
		return s.archiveKey(s.archive().Key())
	}
	return s.listsKey()
}

// treeVersion is counted up when the same packages make another tree.
const treeVersion = 5

func (s *Source) listsKey() string {
	lists, err := os.ReadDir(filepath.Join(s.Dir, "apt-"+s.arch(), "lists"))
	if err != nil {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d %s %q %d %d\n", treeVersion, s.arch(), essentials, s.time().UnixNano(), sourcesChanged().UnixNano())
	found := false
	for _, d := range lists {
		if fi, err := d.Info(); err == nil && isList(fi) {
			found = true
			fmt.Fprintf(h, "%s %d %d\n", fi.Name(), fi.Size(), fi.ModTime().UnixNano())
		}
	}
	if !found {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

func isList(fi fs.FileInfo) bool {
	return fi.Mode().IsRegular() && strings.Contains(fi.Name(), "_Packages")
}
