package sbom

import (
	"crypto/sha1"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// bare is a package of which nothing but the name is known.
func bare(name string) spdxPackage {
	return spdxPackage{Name: name, Location: noAssertion, Concluded: noAssertion, Declared: noAssertion, Copyright: noAssertion}
}

// ofPackage describes a package of the kind "deb" or "generic".
func ofPackage(p source.Package, kind string) spdxPackage {
	s := bare(p.Name)
	s.Version, s.File, s.Homepage = p.Version, p.File, p.Homepage
	s.Checksums = checksums(p.Digest)
	if strings.HasPrefix(p.URL, "http://") || strings.HasPrefix(p.URL, "https://") {
		s.Location = p.URL
	}
	if p.License != "" {
		declared, ok := spdxLicense(p.License)
		s.Declared = declared
		if !ok {
			s.LicenseOf = "declared as: " + p.License
		}
	}
	name := p.Name
	if kind == "deb" {
		name = "debian/" + name
	}
	s.Refs = purl(kind, name, p.Version, p.Arch)
	return s
}

// ofFile describes a file of the ship's own. SPDX wants a SHA1 of each.
func ofFile(e tree.Entry) (_ spdxFile, err error) {
	r, err := e.Open()
	if err != nil {
		return spdxFile{}, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	h := sha1.New()
	if _, err := io.Copy(h, r); err != nil {
		return spdxFile{}, fmt.Errorf("read %s: %w", e.Path, err)
	}
	sums := []checksum{{"SHA1", hex.EncodeToString(h.Sum(nil))}}
	return spdxFile{
		Name: "." + e.Path, Checksums: append(sums, checksums(e.Digest)...),
		Concluded: noAssertion, Copyright: noAssertion, Comment: e.Why,
	}, nil
}

// checksums returns a digest, "sha256:" and hex, as SPDX has it.
func checksums(digest string) []checksum {
	name, value, ok := strings.Cut(digest, ":")
	if !ok {
		return nil
	}
	return []checksum{{strings.ToUpper(name), value}}
}

// purl returns a package's URL (https://github.com/package-url/purl-spec).
func purl(kind, name, version, arch string) []external {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = escape(p)
	}
	text := "pkg:" + kind + "/" + strings.Join(parts, "/")
	if version != "" {
		text += "@" + escape(version)
	}
	if arch != "" {
		text += "?arch=" + escape(arch)
	}
	return []external{{"PACKAGE-MANAGER", "purl", text}}
}

// escape encodes all but what a purl leaves as it is.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// goModules returns the modules that a program written in Go names in itself,
// and Go's standard library as one of them; none for any other file.
func goModules(e tree.Entry) (_ []debug.Module, err error) {
	if e.Size < 64 || e.Mode&0o111 == 0 {
		return nil, nil
	}
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
	all := []debug.Module{{Path: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")}, info.Main}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		all = append(all, *m)
	}
	return slices.DeleteFunc(all, func(m debug.Module) bool { return m.Path == "" }), nil
}
