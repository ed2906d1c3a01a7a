package sbom

import (
	"net/url"
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

// ofFile describes a file.
func ofFile(e tree.Entry, sha1, comment string) spdxFile {
	return spdxFile{
		Name: "." + e.Path, Checksums: append([]checksum{{"SHA1", sha1}}, checksums(e.Digest)...),
		Concluded: noAssertion, Copyright: noAssertion, Comment: comment,
	}
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
