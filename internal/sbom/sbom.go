// Package sbom writes what an image is made of as a software bill of
// materials: an SPDX 2.3 document in JSON (https://spdx.github.io/spdx-spec/v2.3/).
//
// The image is the document's one subject. It contains packages of Debian and
// pkgsrc, NetBSD's sets, modules that Go programs name in themselves, files
// that were got by their addresses, the ship's own files, and those that its
// steps made. What it builds on is named, with the packages that are known of
// that; files of packages and sets are not listed.
package sbom

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// A Subject is an image, and what is known of where its files come from.
type Subject struct {
	Image    image.Image
	ID       string           // of the stored image, "sha256:…"; "" for one that is not stored
	Tool     string           // who writes the document: "fakecracker-1.0"
	Created  time.Time        // of the document
	Sets     []source.Package // NetBSD's
	Packages []source.Package // Debian's in a Linux guest, else pkgsrc's
	Bases    []Base
	Fetched  []Fetched
	Own      []string          // digests of the ship's own files
	Made     map[string]string // the steps that made files, by the files' paths
	Known    Facts             // what was found in files before; may be nil
}

// A Base is an image that this one builds on or has files of.
type Base struct {
	Ref, ID  string
	Packages []source.Package // that came with it, as far as that is known
}

// Fetched is a file that was got by its address.
type Fetched struct{ URL, Digest string }

// Encode returns the document, and what it found in the image's files. The
// same subject gives the same bytes, whatever is known of it.
func Encode(s Subject) ([]byte, Facts, error) {
	d := document{
		Version: "SPDX-2.3", License: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: s.Image.Name,
		Creation: creation{Created: s.Created.UTC().Format(time.RFC3339), Creators: []string{"Tool: " + s.Tool}},
	}
	w := writer{subject: s, doc: &d, used: map[string]int{}, own: map[string]bool{}, facts: Facts{}}
	for _, digest := range s.Own {
		w.own[digest] = true
	}
	w.image()
	w.packages()
	if err := w.files(); err != nil {
		return nil, nil, fmt.Errorf("list what %s is made of: %w", s.Image.Name, err)
	}
	// A document's name space is to be its own: it is that of its content.
	sum, err := encode(d)
	if err != nil {
		return nil, nil, err
	}
	hash := sha256.Sum256(sum)
	d.Namespace = "https://spdx.org/spdxdocs/" + idWord(s.Image.Name) + "-" + hex.EncodeToString(hash[:16])
	b, err := encode(d)
	return b, w.facts, err
}

func encode(d document) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(d)
	return b.Bytes(), err
}

// A writer fills in one document.
type writer struct {
	subject Subject
	doc     *document
	root    string         // the image's ID in the document
	used    map[string]int // IDs, and how often
	own     map[string]bool
	facts   Facts // of this image's files
}

// image adds the subject, and the images that it builds on.
func (w *writer) image() {
	s := w.subject
	p := bare(s.Image.Name)
	p.Comment = "a root file system for " + s.Image.Guest.String()
	p.Purpose = "CONTAINER"
	if s.ID != "" {
		p.Version = s.ID
		p.Refs = purl("oci", s.Image.Name, s.ID, "")
	}
	w.root = w.add(p, "image")
	w.relate(w.doc.ID, "DESCRIBES", w.root)
	for _, b := range s.Bases {
		p := bare(b.Ref)
		p.Version, p.Purpose = b.ID, "CONTAINER"
		id := w.add(p, "base")
		w.relate(w.root, "DESCENDANT_OF", id)
		w.inherit(b, id)
	}
}

// inherit adds the packages that came with a base, which has the ID id.
func (w *writer) inherit(b Base, id string) {
	ids := map[string]string{}
	for _, p := range b.Packages {
		if slices.ContainsFunc(w.subject.Packages, func(own source.Package) bool { return own.Name == p.Name }) {
			continue // it was installed over it
		}
		ids[p.Name] = w.contain(ofPackage(p, w.kind()), w.kind())
		w.relate(id, "CONTAINS", ids[p.Name])
	}
	w.dependencies(b.Packages, ids)
}

// dependencies relates packages, whose IDs are known by name, to the one that
// each is there for.
func (w *writer) dependencies(packages []source.Package, ids map[string]string) {
	for _, p := range packages {
		if by, needed := ids[p.For], ids[p.Name]; by != "" && needed != "" {
			w.relate(by, "DEPENDS_ON", needed)
		}
	}
}

// kind is that of the guest's packages.
func (w *writer) kind() string {
	if w.subject.Image.Guest.OS == "linux" {
		return "deb"
	}
	return "generic"
}

// packages adds packages, sets, and what was got by its address.
func (w *writer) packages() {
	kind := w.kind()
	ids := map[string]string{}
	for _, p := range w.subject.Packages {
		ids[p.Name] = w.contain(ofPackage(p, kind), kind)
	}
	w.dependencies(w.subject.Packages, ids)
	for _, p := range w.subject.Sets {
		set := ofPackage(p, "generic")
		set.Supplier = "Organization: The NetBSD Foundation"
		set.Comment = "a set of NetBSD's, of which the image has the files that it needs"
		w.contain(set, "set")
	}
	for _, f := range w.subject.Fetched {
		p := bare(f.URL[strings.LastIndexByte(f.URL, '/')+1:])
		p.Location, p.Checksums = f.URL, checksums(f.Digest)
		w.contain(p, "fetched")
	}
}

// files adds the ship's own files, those that steps made, and the modules of
// programs written in Go.
func (w *writer) files() error {
	modules := map[string]string{}
	for _, e := range w.subject.Image.Tree.All() {
		if e.Type != tree.File {
			continue
		}
		// A package may have the same file, as an empty one.
		comment, listed := e.Why, w.own[e.Digest] && !strings.HasPrefix(e.Why, "package ")
		if step, ok := w.subject.Made[e.Path]; ok && !listed {
			comment, listed = "made by "+step, true
		}
		program := mayBeProgram(e)
		if !listed && !program {
			continue
		}
		fact, err := w.fact(e, listed, program)
		if err != nil {
			return err
		}
		w.modules(e, fact.Modules, modules)
		if listed {
			f := ofFile(e, fact.SHA1, comment)
			f.ID = w.id("file", e.Path)
			w.doc.Files = append(w.doc.Files, f)
			w.relate(w.root, "CONTAINS", f.ID)
		}
	}
	return nil
}

// modules adds the modules that e names, each once.
func (w *writer) modules(e tree.Entry, found []Module, known map[string]string) {
	for _, m := range found {
		key := m.Path + "@" + m.Version
		if known[key] != "" {
			continue
		}
		p := bare(m.Path)
		p.Version = m.Version
		p.Refs = purl("golang", m.Path, m.Version, "")
		p.Comment = "named by " + e.Path
		known[key] = w.contain(p, "go")
	}
}

// contain adds p as a part of the image.
func (w *writer) contain(p spdxPackage, kind string) string {
	id := w.add(p, kind)
	w.relate(w.root, "CONTAINS", id)
	return id
}

func (w *writer) add(p spdxPackage, kind string) string {
	p.ID = w.id(kind, p.Name)
	w.doc.Packages = append(w.doc.Packages, p)
	return p.ID
}

func (w *writer) relate(from, how, to string) {
	w.doc.Relations = append(w.doc.Relations, relation{from, how, to})
}

// id returns an ID that nothing else in the document has.
func (w *writer) id(kind, name string) string {
	id := "SPDXRef-" + kind + "-" + idWord(name)
	w.used[id]++
	if n := w.used[id]; n > 1 {
		return fmt.Sprintf("%s-%d.", id, n) // no word ends in a dot
	}
	return id
}

// idWord makes of name what an ID may hold: letters, digits, dots and hyphens
// (SPDX 2.3, 3.2). It ends in no dot.
func idWord(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' {
			return r
		}
		return '-'
	}, name), "-.")
}
