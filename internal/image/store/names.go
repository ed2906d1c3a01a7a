package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/fakecracker/fakecracker/internal/spelling"
)

// ErrUnknown is wrapped by errors about a name that no image has.
var ErrUnknown = errors.New("no such image")

// fullName returns the name that an image is kept under: "nginx" becomes
// "nginx:latest", and the long form of a name of Docker Hub its short one.
func fullName(ref string) (string, error) {
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return "", fmt.Errorf("image name %q: want small letters, digits and . _ - /, and at most one :TAG at the end", ref)
	}
	repo := parsed.Context().RepositoryStr()
	if host := parsed.Context().RegistryStr(); host != name.DefaultRegistry {
		repo = host + "/" + repo
	} else {
		repo = strings.TrimPrefix(repo, "library/")
	}
	if _, ok := parsed.(name.Digest); ok {
		return repo + "@" + parsed.Identifier(), nil
	}
	return repo + ":" + parsed.Identifier(), nil
}

// CheckName fails for what can't be the name of an image, with or without a tag.
func CheckName(ref string) error {
	full, err := fullName(ref)
	if err == nil && strings.Contains(full, "@") {
		return fmt.Errorf("image name %q: a digest is not for you to give: want a name such as web or web:1", ref)
	}
	return err
}

// SplitName returns a name without its tag or digest, and that.
func SplitName(full string) (repo, tag string) {
	if repo, digest, ok := strings.Cut(full, "@"); ok {
		return repo, digest
	}
	if i := strings.LastIndex(full, ":"); i > strings.LastIndex(full, "/") {
		return full[:i], full[i+1:]
	}
	return full, ""
}

// baseName is what a name says of the service: "nginx" of "ghcr.io/x/nginx:1".
func baseName(full string) string {
	repo, _ := SplitName(full)
	return repo[strings.LastIndex(repo, "/")+1:]
}

// minPrefix is how many digits of an ID stand for it at the least.
const minPrefix = 4

// resolve returns the ID that ref stands for, a name or the beginning of an ID.
func (s *Store) resolve(ref string, ix index) (string, error) {
	if full, err := fullName(ref); err == nil && ix.Names[full] != "" {
		return ix.Names[full], nil
	}
	prefix := strings.TrimPrefix(ref, digestPrefix)
	if len(prefix) < minPrefix || !isHex(prefix) {
		return "", unknown(ref, ix)
	}
	ids, err := s.ids()
	if err != nil {
		return "", err
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return !strings.HasPrefix(hexOf(id), prefix) })
	switch len(ids) {
	case 0:
		return "", unknown(ref, ix)
	case 1:
		return ids[0], nil
	}
	return "", fmt.Errorf("image %s: the IDs of %d images begin so; give more digits", ref, len(ids))
}

// unknown is the error for a name that no image has, with the one that may
// have been meant.
func unknown(ref string, ix index) error {
	var known []string
	for _, full := range slices.Sorted(maps.Keys(ix.Names)) {
		repo, tag := SplitName(full)
		if tag == "latest" {
			full = repo
		}
		known = append(known, full)
		if r, _ := SplitName(ref); r == repo {
			return fmt.Errorf("image %q: %w (there is %s)", ref, ErrUnknown, full)
		}
	}
	if near := spelling.Nearest(ref, known); near != "" {
		return fmt.Errorf("image %q: %w (did you mean %q?)", ref, ErrUnknown, near)
	}
	return fmt.Errorf("image %q: %w (fakecracker image ls shows those at hand)", ref, ErrUnknown)
}
