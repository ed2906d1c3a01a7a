package debian

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/source"
)

// packageName is what apt-get is given: a name (Debian Policy 5.6.1), which
// may be qualified by ":arch" and "=version". Nothing else gets onto its
// command line, no pattern and no "name-" that removes.
var packageName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]*[a-z0-9.+](:[a-z0-9]+)?(=[A-Za-z0-9.+~:-]+)?$`)

// Resolve returns the named packages and all that they depend on. Recommended
// packages are left out.
func (s *Source) Resolve(ctx context.Context, names []string) ([]source.Package, error) {
	pkgs, _, err := s.resolve(ctx, names)
	return pkgs, err
}

// resolve is Resolve, and returns the key of the lists that it looked at too.
func (s *Source) resolve(ctx context.Context, names []string) (_ []source.Package, key string, err error) {
	if len(names) == 0 {
		return nil, "", nil
	}
	for _, n := range names {
		if !packageName.MatchString(n) {
			return nil, "", fmt.Errorf("%q is not the name of a Debian package", n)
		}
	}
	if s.Archive != nil {
		return s.resolveArchive(ctx, names)
	}
	a, err := s.openApt(ctx)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	fresh, err := a.refresh(ctx, ifStale)
	if err != nil {
		return nil, "", err
	}
	pkgs, err := a.resolve(ctx, names)
	if errors.Is(err, errNotFound) && !fresh && !s.Offline && time.Since(a.stamp("updated")) > youngAge {
		if fresh, rerr := a.refresh(ctx, always); rerr == nil && fresh {
			pkgs, err = a.resolve(ctx, names)
		}
	}
	if errors.Is(err, errNotFound) {
		return nil, "", a.notFound(ctx, names, err)
	}
	return pkgs, s.listsKey(), err
}

func (a *apt) resolve(ctx context.Context, names []string) ([]source.Package, error) {
	a.s.Say("resolve " + strings.Join(names, " "))
	if err := a.setInstalled(names); err != nil {
		return nil, fmt.Errorf("resolve packages: %w", err)
	}
	args := append([]string{"install", "-qq", "--no-install-recommends", "--print-uris", "--"}, names...)
	return a.packages(ctx, args...)
}

// packages runs apt-get with --print-uris among args.
func (a *apt) packages(ctx context.Context, args ...string) ([]source.Package, error) {
	var pkgs []source.Package
	var bad error
	err := a.get(ctx, a.dir, func(line string) {
		if !strings.HasPrefix(line, "'") {
			return // what --print-uris tells people
		}
		p, err := parseURI(line)
		if err != nil && bad == nil {
			bad = err
		}
		pkgs = append(pkgs, p)
	}, args...)
	if err != nil {
		return nil, fmt.Errorf("resolve packages: %w", err)
	}
	return pkgs, bad
}

// parseURI reads a line of apt-get --print-uris (apt-get(8)): the quoted
// address, the file's name, its size in bytes and its digest.
func parseURI(line string) (source.Package, error) {
	rest, ok := strings.CutPrefix(line, "'")
	uri, rest, found := strings.Cut(rest, "' ")
	f := strings.Fields(rest)
	if !ok || !found || len(f) != 3 {
		return source.Package{}, fmt.Errorf("apt-get gave no size and digest: %q", line)
	}
	p := source.Package{URL: uri, File: f[0]}
	var err error
	if p.Size, err = strconv.ParseInt(f[1], 10, 64); err != nil || p.Size <= 0 || p.Size > maxDeb {
		return source.Package{}, fmt.Errorf("apt-get gave a size that is none: %q", line)
	}
	digest, ok := strings.CutPrefix(f[2], "SHA256:")
	if !ok || !isSHA256(digest) {
		return source.Package{}, fmt.Errorf("the package lists have no SHA256 digest of %s", p.File)
	}
	p.Digest = digestPrefix + digest
	parts := strings.Split(strings.TrimSuffix(p.File, ".deb"), "_")
	if len(parts) != 3 || strings.ContainsRune(p.File, os.PathSeparator) {
		return source.Package{}, fmt.Errorf("apt-get named a file that is no package: %q", p.File)
	}
	p.Name, p.Arch = parts[0], parts[2]
	if p.Version, err = url.PathUnescape(parts[1]); err != nil {
		return source.Package{}, fmt.Errorf("apt-get named a file that is no package: %q", p.File)
	}
	return p, nil
}

func isSHA256(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// notFound says which of names isn't there, and what may have been meant.
func (a *apt) notFound(ctx context.Context, names []string, err error) error {
	for _, n := range names {
		if !strings.Contains(err.Error(), strings.SplitN(n, "=", 2)[0]) {
			continue
		}
		if _, rerr := a.resolve(ctx, []string{n}); !errors.Is(rerr, errNotFound) {
			continue
		}
		msg := fmt.Sprintf("package %q not found in %s %s", n, release(), a.s.arch())
		near := a.nearest(ctx, n)
		if name, version, ok := strings.Cut(n, "="); ok && near == name {
			return fmt.Errorf("package %q has no version %s in %s %s", name, version, release(), a.s.arch())
		}
		if near != "" {
			msg += fmt.Sprintf(" (did you mean %q?)", near)
		}
		return errors.New(msg)
	}
	return err
}

// release names the host's release, whose sources are used: "Debian 12".
func release() string {
	b, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "the host's apt sources"
	}
	var name, version string
	for l := range strings.Lines(string(b)) {
		k, v, _ := strings.Cut(strings.TrimSpace(l), "=")
		v = strings.Trim(v, `"`)
		switch k {
		case "NAME":
			name, _, _ = strings.Cut(v, " ")
		case "VERSION_ID":
			version = v
		}
	}
	return strings.TrimSpace(name + " " + version)
}
