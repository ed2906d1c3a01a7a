package sbom

import (
	"crypto/sha1"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// Facts are what only a look into files tells, by their digests. Those that
// one Encode returns spare the next one the look.
type Facts map[string]Fact

// A Fact is what was found in one file.
type Fact struct {
	SHA1    string   `json:"sha1,omitempty"`    // hex; "": it was not wanted
	Looked  bool     `json:"looked,omitempty"`  // whether Modules was
	Modules []Module `json:"modules,omitempty"` // none for what is no program written in Go
}

// A Module is one that a program written in Go names in itself.
type Module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

// fact returns what is known of the file, with its SHA1 or its modules.
func (w *writer) fact(e tree.Entry, wantSHA1, wantModules bool) (Fact, error) {
	f, ok := w.facts[e.Digest]
	if !ok {
		f = w.subject.Known[e.Digest]
	}
	var err error
	if wantSHA1 && f.SHA1 == "" {
		f.SHA1, err = sha1Of(e)
	}
	if wantModules && !f.Looked && err == nil {
		f.Looked = true
		f.Modules, err = goModules(e)
	}
	if err == nil && e.Digest != "" {
		w.facts[e.Digest] = f
	}
	return f, err
}

// sha1Of returns a file's SHA1, which SPDX wants.
func sha1Of(e tree.Entry) (_ string, err error) {
	r, err := e.Open()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	h := sha1.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", fmt.Errorf("read %s: %w", e.Path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// mayBeProgram reports whether it is worth a look which modules a file names.
func mayBeProgram(e tree.Entry) bool { return e.Size >= 64 && e.Mode&0o111 != 0 }

// goModules returns the modules that a program written in Go names in itself,
// and Go's standard library as one of them; none for any other file.
func goModules(e tree.Entry) (_ []Module, err error) {
	r, err := e.Open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	magic := make([]byte, 4)
	if _, err := r.ReadAt(magic, 0); err != nil {
		return nil, fmt.Errorf("read %s: %w", e.Path, err)
	}
	if string(magic) != "\x7fELF" {
		return nil, nil
	}
	info, err := buildinfo.Read(r)
	if err != nil {
		return nil, nil // of another language, or stripped of it
	}
	all := []Module{{"stdlib", strings.TrimPrefix(info.GoVersion, "go")}}
	if info.Main.Path != "" {
		all = append(all, Module{info.Main.Path, info.Main.Version})
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		all = append(all, Module{m.Path, m.Version})
	}
	return all, nil
}
