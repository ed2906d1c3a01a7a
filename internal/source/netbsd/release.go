package netbsd

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/spelling"
)

// listing is what a mirror has of a release.
type listing struct {
	base string            // address or folder of the sets
	sums map[string]string // digests by the archives' names
}

// arches are the folders of architectures that have another name with us or
// with Go.
var arches = map[string]string{"aarch64": "evbarm-aarch64", "arm64": "evbarm-aarch64", "386": "i386", "x86_64": "amd64"}

// place returns the folder of the release's sets below the bases that may have
// it, and whether that is the latest daily build, whose sets change.
func (s *Source) place() (bases []string, folder string, daily bool, err error) {
	arch := s.Arch
	if a, ok := arches[arch]; ok {
		arch = a
	}
	release := strings.TrimPrefix(s.Release, "NetBSD-")
	branch, daily := strings.CutPrefix(release, "daily:")
	branch, day, dated := strings.Cut(branch, "/")
	if !dated {
		day = "latest"
	}
	if !isName(branch) || !isName(arch) || !isName(day) || dated && !daily {
		return nil, "", false, fmt.Errorf("%q is no release of NetBSD for %q: 10.1, HEAD, daily:netbsd-11 and daily:HEAD/202611220000Z for amd64 are", s.Release, s.Arch)
	}
	if daily || !strings.Contains(release, ".") || strings.HasPrefix(release, "netbsd-") {
		if branch != "HEAD" {
			branch = "netbsd-" + strings.TrimPrefix(branch, "netbsd-")
		}
		return s.Daily, path.Join(branch, day, arch, "binary/sets"), !dated, nil
	}
	return s.Mirrors, path.Join("NetBSD-"+release, arch, "binary/sets"), false, nil
}

// isName reports whether s can be a folder's name on a mirror, and is one.
func isName(s string) bool {
	odd := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-", r))
	}
	return s != "" && s[0] != '.' && !strings.ContainsFunc(s, odd)
}

// list finds the mirror that has the release, and returns what it has. What a
// mirror said of a release is kept, since that does not change; fresh asks it
// again. Daily builds are asked for each time, and what was kept is used where
// no mirror can be reached.
func (s *Source) list(ctx context.Context, fresh bool) (listing, error) {
	bases, folder, daily, err := s.place()
	if err != nil {
		return listing{}, err
	}
	if len(bases) == 0 {
		return listing{}, errors.New("no mirror is given to get them from")
	}
	var first error
	for _, base := range bases {
		l := listing{base: strings.TrimRight(base, "/") + "/" + folder}
		err := s.listOne(ctx, &l, !fresh && !daily, daily)
		if err == nil || !errors.Is(err, fetch.ErrNotThere) {
			return l, err
		}
		first = cmp.Or(first, err)
	}
	return listing{}, fmt.Errorf("no mirror has that release for %s: %w", s.Arch, first)
}

// FolderState tells whether the mirror lists what it did before, where it is a
// folder of this host and so may be changed by anybody. It is empty for servers.
func (s *Source) FolderState() string {
	bases, folder, _, err := s.place()
	if err != nil {
		return ""
	}
	var text strings.Builder
	for _, base := range bases {
		dir, local := fetch.LocalPath(base)
		if !local {
			continue
		}
		if fi, err := os.Stat(filepath.Join(dir, filepath.FromSlash(folder), "SHA512")); err == nil {
			fmt.Fprintf(&text, "%s %d %d\n", dir, fi.Size(), fi.ModTime().UnixNano())
		}
	}
	return text.String()
}

// listOne fills l with what one mirror has: as it was kept, where that is as
// good, and where there is nothing better, if that is allowed.
func (s *Source) listOne(ctx context.Context, l *listing, keptIsGood, keptWillDo bool) error {
	addr := l.base + "/SHA512"
	_, folder := fetch.LocalPath(addr)
	name := sha256.Sum256([]byte(addr))
	kept := filepath.Join(s.Dir, "SHA512-"+hex.EncodeToString(name[:8]))
	if keptIsGood && !folder && l.read(kept) == nil {
		return nil
	}
	b, err := s.Client.Small(ctx, addr, 0)
	if err == nil {
		l.sums, err = fetch.ParseSums(b)
		if err != nil {
			return s.Client.Advise(fmt.Errorf("%s: %w", addr, err))
		}
		if folder {
			return nil
		}
		return atomicfile.WriteFile(kept, b, 0o644)
	}
	if keptWillDo && !folder && errors.Is(err, fetch.ErrUnreachable) && l.read(kept) == nil {
		s.Log().Warn("the mirror can't be reached; the sets of an earlier day are used", "err", err)
		return nil
	}
	return err
}

// read fills l from a file that was kept.
func (l *listing) read(kept string) error {
	b, err := os.ReadFile(kept)
	if err != nil {
		return err
	}
	l.sums, err = fetch.ParseSums(b)
	return err
}

// locate makes the set that w means, of which nothing is read yet.
func (s *Source) locate(l listing, w wanted) (*set, error) {
	if w.local {
		return localSet(w)
	}
	for _, ending := range append([]string{w.ending}, endings...) {
		file := w.name + ending
		digest, ok := l.sums[file]
		if !ok || ending == "" {
			continue
		}
		_, sum, _ := strings.Cut(digest, ":")
		return &set{
			key: w.name + "-" + sum[:min(len(sum), keyDigits)], file: l.base + "/" + file,
			pkg: source.Package{
				Name: w.name, Version: s.Release, Arch: s.Arch, File: file,
				Digest: digest, URL: l.base + "/" + file,
			},
		}, nil
	}
	return nil, unknownSet(l, w)
}

// keyDigits are the hex digits of a digest in the names of our own files.
const keyDigits = 32

// unknownSet says what there is instead.
func unknownSet(l listing, w wanted) error {
	var names []string
	for file := range maps.Keys(l.sums) {
		if name, ending := cutEnding(file); ending != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	text := fmt.Sprintf("%s has no set %q", l.base, w.name)
	if near := spelling.Nearest(w.name, names); near != "" {
		text += fmt.Sprintf(" (did you mean %q?)", near)
	}
	return fmt.Errorf("%s; it has %s", text, strings.Join(names, ", "))
}

// localSet is a file of the host. It is known by when it was written, so that
// it isn't read each time.
func localSet(w wanted) (*set, error) {
	abs, err := filepath.Abs(w.name)
	if err != nil {
		return nil, fmt.Errorf("set %s: %w", w.text, err)
	}
	fi, err := os.Stat(abs)
	if err == nil && !fi.Mode().IsRegular() {
		err = errors.New("it is not a file")
	}
	if err != nil {
		return nil, fmt.Errorf("set %s: %w", w.text, bare(err))
	}
	name, _ := cutEnding(filepath.Base(abs))
	id := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%d", abs, fi.Size(), fi.ModTime().UnixNano()))
	return &set{
		key: "file-" + hex.EncodeToString(id[:keyDigits/2]), file: abs, local: true,
		pkg: source.Package{Name: name, File: filepath.Base(abs), Size: fi.Size()},
	}, nil
}

// bare takes the path from an error that a message names already.
func bare(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	return err
}
