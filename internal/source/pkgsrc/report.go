package pkgsrc

import (
	"fmt"
	"path"

	"github.com/fakecracker/fakecracker/internal/source"
)

// describe says what the package is.
func (s *Source) describe(choices []choice, c choice, u *unpacked) source.Package {
	p := source.Package{
		Name: c.Base, Version: c.Version, Arch: c.Arch, File: c.file(), Size: u.Size, Digest: u.Digest,
		URL: s.address(c.file()), License: c.License, Homepage: c.Homepage,
	}
	if c.needed != asker {
		p.For = choices[c.needed].Base
	}
	return p
}

// required returns the libraries that choices need and none of them brings.
func required(choices []choice) []source.Requirement {
	done := make(map[string]bool)
	for _, c := range choices {
		for _, p := range c.Provides {
			done[p] = true
		}
	}
	var all []source.Requirement
	for _, c := range choices {
		for _, p := range c.Requires {
			if !done[p] && path.IsAbs(p) {
				done[p] = true
				all = append(all, source.Requirement{Path: path.Clean(p), Package: c.name()})
			}
		}
	}
	return all
}

// reportOn adds what the package's script, message and signature leave to be
// said.
func (s *Source) reportOn(in *Installed, p plan, u *unpacked) {
	r := &in.Report
	if u.Signature != nil && s.Keyring == "" {
		r.Notes = append(r.Notes, source.Note{Package: p.pkg.String(), Text: "who signed it is not checked: no --pkgsrc-keyring was given"})
	}
	if text := message(u.Meta[u.list.display]); text != "" {
		r.Notes = append(r.Notes, source.Note{Package: p.pkg.String(), Text: "its message: " + text})
	}
	script, ok := u.Meta["+INSTALL"]
	if !ok {
		return
	}
	found := inspect(script)
	for _, text := range found.notes {
		r.Notes = append(r.Notes, source.Note{Package: p.pkg.String(), Script: "+INSTALL", Text: text, Known: true})
	}
	r.Scripts = append(r.Scripts, s.scripts(in, p, u, found)...)
}

// unverified returns the note about those of choices that were taken as they
// came, if there are any.
func (s *Source) unverified(choices []choice, pkgs []source.Package) []source.Note {
	var taken []source.Package
	for i, c := range choices {
		if s.wanted(c.entry) == "" && s.Keyring == "" {
			taken = append(taken, pkgs[i])
		}
	}
	if len(taken) == 0 {
		return nil
	}
	which := "it"
	if n := len(taken) - 1; n > 0 {
		which = fmt.Sprintf("it and %d more", n)
	}
	return []source.Note{{
		Package: taken[0].String(),
		Text:    fmt.Sprintf("%s has no digest to compare %s with (--lock notes those of what came, and --locked holds to them)", s.Mirror, which),
	}}
}
