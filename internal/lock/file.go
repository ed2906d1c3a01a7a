package lock

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// maxSize is the size of the largest file that is read, in bytes. One line is
// about 200 bytes long, and a step has at most 2000 lines of changes.
const maxSize = 64 << 20

// Path returns where the lock of a definition is: ship.lock in its folder,
// where the definition has one of the usual names, else NAME.lock beside
// NAME.conf, the program NAME or the like.
func Path(definition string) string {
	dir, name := filepath.Split(definition)
	if slices.Contains([]string{"ship.conf", "Dockerfile", "Containerfile", "SMOLerfile"}, name) {
		return filepath.Join(dir, "ship.lock")
	}
	return filepath.Join(dir, strings.TrimSuffix(name, ".conf")+".lock")
}

// Write writes the lock to the file, and reports whether that changed it.
func (l *Lock) Write(file string) (bool, error) {
	b, err := l.Encode()
	if err != nil {
		return false, fmt.Errorf("write %s: %w", file, err)
	}
	if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, b) {
		return false, nil
	}
	return true, atomicfile.WriteFile(file, b, 0o644)
}

// Read reads the lock in the file. The error is os.ErrNotExist where there is
// none.
func Read(file string) (_ *Lock, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read the lock: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read the lock: %w", err)
	}
	l, err := Decode(b)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w (--lock makes it anew)", file, err)
	}
	return l, nil
}

// Encode returns the lock as JSON with one part of the image on each line,
// sorted but for the steps, so that what changed can be seen in a diff.
func (l *Lock) Encode() ([]byte, error) {
	own := *l
	own.sort()
	var head, out bytes.Buffer
	if err := compact(&head, struct { // what is in no list
		Version int    `json:"version"`
		Ship    string `json:"ship"`
		Guest   string `json:"guest"`
		Release string `json:"release,omitempty"`
		Date    string `json:"date,omitempty"`
		Image   string `json:"image,omitempty"`
	}{own.Version, own.Ship, own.Guest, own.Release, own.date(), own.Image}); err != nil {
		return nil, err
	}
	if err := json.Indent(&out, head.Bytes(), "", "  "); err != nil {
		return nil, err
	}
	out.Truncate(out.Len() - len("\n}"))
	for _, list := range []struct {
		name    string
		entries []any
	}{
		{"definition", anys(own.Definition)},
		{"settings", anys(own.Settings)},
		{"sets", anys(own.Sets)},
		{"packages", anys(own.Packages)},
		{"system", anys(own.System)},
		{"files", anys(own.Files)},
		{"images", anys(own.Images)},
		{"fetched", anys(own.Fetched)},
		{"steps", anys(own.Steps)},
		{"changes", anys(own.Changes)},
	} {
		if err := writeList(&out, list.name, list.entries); err != nil {
			return nil, err
		}
	}
	out.WriteString("\n}\n")
	return out.Bytes(), nil
}

// date returns Date in whole seconds, "" if there is none.
func (l *Lock) date() string {
	if l.Date.IsZero() {
		return ""
	}
	return l.Date.UTC().Format(time.RFC3339)
}

func anys[T any](list []T) []any {
	all := make([]any, len(list))
	for i, e := range list {
		all[i] = e
	}
	return all
}

// writeList writes a field of the name, with one entry on each line.
func writeList(out *bytes.Buffer, name string, entries []any) error {
	fmt.Fprintf(out, ",\n  %q: [", name)
	for i, e := range entries {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n    ")
		if err := compact(out, e); err != nil {
			return err
		}
	}
	if len(entries) > 0 {
		out.WriteString("\n  ")
	}
	out.WriteByte(']')
	return nil
}

// compact writes v as JSON in one line, with < and & as they are.
func compact(out *bytes.Buffer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	out.Truncate(out.Len() - 1) // the end of the line
	return nil
}

// sort puts the lists in order, but the steps and what they changed.
func (l *Lock) sort() {
	l.Definition = sorted(l.Definition, func(d Definition) string { return d.Path })
	l.Settings = sorted(l.Settings, func(s Setting) string { return s.Name })
	name, place := func(p Package) string { return p.Name }, func(f File) string { return f.Path }
	l.Sets, l.Packages = sorted(l.Sets, name), sorted(l.Packages, name)
	l.System, l.Files = sorted(l.System, place), sorted(l.Files, place)
	l.Images = sorted(l.Images, func(i Image) string { return i.Ref })
	l.Fetched = sorted(l.Fetched, func(f Fetched) string { return f.URL })
}

// sorted returns the list in the order of its keys.
func sorted[T any](list []T, key func(T) string) []T {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b T) int { return strings.Compare(key(a), key(b)) })
	return list
}

// Decode reads what Encode wrote.
func Decode(b []byte) (*Lock, error) {
	if len(b) > maxSize {
		return nil, fmt.Errorf("it is larger than %d MiB", maxSize>>20)
	}
	var v struct{ Version *int }
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, at(b, err)
	}
	if v.Version == nil {
		return nil, errors.New("it is no lock: it has no version")
	}
	if *v.Version != Version {
		return nil, versionError(*v.Version)
	}
	var l Lock
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return nil, at(b, err)
	}
	l.Date = l.Date.UTC()
	return &l, l.check()
}

// versionError says that a lock is of another version.
func versionError(v int) error {
	if v > Version {
		return fmt.Errorf("it is of version %d, and this fakecracker knows version %d: a newer one wrote it", v, Version)
	}
	return fmt.Errorf("it is of version %d, which says less than version %d does, and can't be held to", v, Version)
}

// at adds the line that a fault is in.
func at(b []byte, err error) error {
	offset := int64(-1)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = syntax.Offset
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = wrong.Offset
	}
	if offset < 0 || offset > int64(len(b)) {
		return err
	}
	return fmt.Errorf("line %d: %w", 1+bytes.Count(b[:offset], []byte("\n")), err)
}

// What digests and modes look like.
var (
	digestForm = regexp.MustCompile(`^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$`)
	modeForm   = regexp.MustCompile(`^[0-7]{4}$`)
)

// check looks for what no lock has that was written by us.
func (l *Lock) check() error {
	if y := l.Date.Year(); y < 0 || y > 9999 {
		return fmt.Errorf("date: %d is no year", y)
	}
	if l.Image != "" && !digestForm.MatchString(l.Image) {
		return fmt.Errorf("image: %q is no digest", l.Image)
	}
	for _, p := range slices.Concat(l.Sets, l.Packages) {
		if p.Name == "" || p.Version == "" || p.Digest != "" && !digestForm.MatchString(p.Digest) || p.File != "" && p.File != path.Base(p.File) {
			return fmt.Errorf("%q is no package with version, digest and file", p.Name)
		}
	}
	for _, f := range slices.Concat(l.Files, l.System) {
		if f.Path == "" || !modeForm.MatchString(f.Mode) || f.Digest != "" && !digestForm.MatchString(f.Digest) {
			return fmt.Errorf("%q is no file with mode and digest", f.Path)
		}
	}
	return l.checkRest()
}

func (l *Lock) checkRest() error {
	for _, f := range l.Definition {
		if f.Path == "" || !digestForm.MatchString(f.Digest) {
			return fmt.Errorf("definition %q: %q is no digest", f.Path, f.Digest)
		}
	}
	for _, s := range l.Settings {
		if !strings.HasPrefix(s.Name, "--") {
			return fmt.Errorf("%q is no setting", s.Name)
		}
	}
	for _, f := range l.Fetched {
		if !digestForm.MatchString(f.Digest) {
			return fmt.Errorf("%s: %q is no digest", f.URL, f.Digest)
		}
	}
	for _, s := range l.Steps {
		if !digestForm.MatchString(s.Digest) {
			return fmt.Errorf("step %q: %q is no digest", s.Text, s.Digest)
		}
	}
	for _, c := range l.Changes {
		if c.Step < 0 || c.Step >= len(l.Steps) {
			return fmt.Errorf("%s was changed by step %d, and there are %d", c.Path, c.Step, len(l.Steps))
		}
	}
	return nil
}
