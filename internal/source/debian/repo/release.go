package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxRelease      = 32 << 20 // bytes of a Release file
	maxReleaseFiles = 1 << 18
	// maxAhead is how far the archive's clock may be before ours.
	maxAhead = time.Hour
)

// A release is what a Release file says, as far as it is of use here.
type release struct {
	suite, codename   string
	date, validUntil  time.Time // the latter is zero where it is not said
	arches            []string  // processors that there are packages for
	byHash            bool      // files are there by their digests too
	allApart          bool      // packages for all processors have a list of their own
	notAutomatic      bool      // taken only where no other suite has the package
	automaticUpgrades bool      // with notAutomatic: before such that have not this
	files             map[string]listedFile
}

// listedFile is a file below the suite's folder.
type listedFile struct {
	sha256 string // hex
	size   int64  // bytes
}

// parseRelease reads a Release file that was signed.
func parseRelease(text []byte) (release, error) {
	fields := make(map[string]string)
	count := 0
	err := eachField(bytes.NewReader(text), maxRelease, func(name, value string) error {
		if _, twice := fields[name]; twice {
			return fmt.Errorf("it says %s twice", name)
		}
		fields[name] = value
		return nil
	}, func() error { count++; return nil })
	if err != nil {
		return release{}, err
	}
	if count != 1 {
		return release{}, fmt.Errorf("it has %d paragraphs, not one", count)
	}
	r := release{
		suite: fields["suite"], codename: fields["codename"],
		arches:            strings.Fields(fields["architectures"]),
		byHash:            fields["acquire-by-hash"] == "yes",
		notAutomatic:      fields["notautomatic"] == "yes",
		automaticUpgrades: fields["butautomaticupgrades"] == "yes",
	}
	r.allApart = slices.Contains(r.arches, "all") && !slices.Contains(strings.Fields(fields["no-support-for-architecture-all"]), "Packages")
	if r.date, err = parseDate(fields["date"]); err != nil {
		return release{}, fmt.Errorf("its Date: %w", err)
	}
	if until := fields["valid-until"]; until != "" {
		if r.validUntil, err = parseDate(until); err != nil {
			return release{}, fmt.Errorf("its Valid-Until: %w", err)
		}
	}
	r.files, err = parseFiles(fields["sha256"])
	return r, err
}

// parseDate reads a date of RFC 5322 in UTC, whose day may have one digit.
func parseDate(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	for _, zone := range []string{"UTC", "GMT", "Z"} {
		if rest, ok := strings.CutSuffix(s, " "+zone); ok {
			s = rest + " +0000"
		}
	}
	t, err := time.Parse("Mon, _2 Jan 2006 15:04:05 -0700", s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%.60q is no date", s)
	}
	return t, nil
}

// parseFiles reads the lines "digest size name" of the field SHA256.
func parseFiles(text string) (map[string]listedFile, error) {
	files := make(map[string]listedFile)
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) != 3 || !isSHA256(f[0]) || !fs.ValidPath(f[2]) {
			return nil, fmt.Errorf("%.100q is not digest, size and name of a file", line)
		}
		size, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil || size < 0 {
			return nil, fmt.Errorf("the size of %s is %.40q", f[2], f[1])
		}
		if len(files) == maxReleaseFiles {
			return nil, fmt.Errorf("it lists more than %d files", maxReleaseFiles)
		}
		files[f[2]] = listedFile{f[0], size}
	}
	if len(files) == 0 {
		return nil, errors.New("it has no SHA256 digests")
	}
	return files, nil
}

func isSHA256(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// checkName reports when the file is that of another suite, which a mirror may
// hand out in place of the one with the latest fixes.
func (r release) checkName(asked string) error {
	if asked == r.suite || asked == r.codename {
		return nil
	}
	return fmt.Errorf("it is of the suite %q with the codename %q, not of %q", r.suite, r.codename, asked)
}

// checkTime reports when the file is too old, or not yet.
func (r release) checkTime(now time.Time) error {
	if !r.validUntil.IsZero() && now.After(r.validUntil) {
		return fmt.Errorf("it has %w: it was valid until %s (the mirror is not kept up: use another, unless this host's clock is wrong)",
			ErrExpired, r.validUntil.UTC().Format(time.RFC1123))
	}
	if r.date.After(now.Add(maxAhead)) {
		return fmt.Errorf("it is of %s, which is yet to come: set this host's clock", r.date.UTC().Format(time.RFC1123))
	}
	return nil
}

// rank orders suites: packages of one with a lower rank go before newer ones
// of another. apt gives them the priorities 500, 100 and 1.
func (r release) rank() int {
	switch {
	case !r.notAutomatic:
		return 0
	case r.automaticUpgrades:
		return 1
	}
	return 2
}

// lists returns the folders that have package lists for the processor.
func (r release) lists(component, arch string) ([]string, error) {
	dir := component + "/binary-" + arch
	if !r.hasList(dir) {
		return nil, fmt.Errorf("it has no packages of the component %q for %s (there are %s)", component, arch, strings.Join(r.offers(), ", "))
	}
	if all := component + "/binary-all"; r.allApart && r.hasList(all) {
		return []string{dir, all}, nil
	}
	return []string{dir}, nil
}

func (r release) hasList(dir string) bool {
	return slices.ContainsFunc(listNames, func(n string) bool { _, ok := r.files[dir+"/"+n]; return ok })
}

// offers names the components and processors that there are packages of.
func (r release) offers() []string {
	found := make(map[string]bool)
	for p := range r.files {
		dir, name, _ := cutLast(p, "/")
		component, arch, ok := cutLast(dir, "/binary-")
		if ok && slices.Contains(listNames, name) && !strings.Contains(component, "debian-installer") {
			found[component+" for "+arch] = true
		}
	}
	if len(found) == 0 {
		return []string{"none at all"}
	}
	return slices.Sorted(maps.Keys(found))
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+len(sep):], true
}
