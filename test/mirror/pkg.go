package mirror

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha512"
	"fmt"
	"path"
	"slices"
	"strings"
)

// prefix is where packages are installed.
const prefix = "/usr/pkg"

// A pkg is one binary package of pkgsrc (pkg_create(1)).
type pkg struct {
	name    string // with its version: "nginx-1.26.2"
	path    string // in pkgsrc: "www/nginx"
	comment string

	depends    []string // patterns
	builtWith  []string // what they were when it was built (@blddep)
	conflicts  []string
	supersedes []string
	requires   []string // shared libraries, absolute
	provides   []string

	files   list     // below the prefix
	dirs    []string // @pkgdir, below the prefix
	lines   []string // more lines for +CONTENTS, behind the files
	tables  []string // of +INSTALL: "USER: redis:redis"
	own     string   // commands of its own in +INSTALL
	tools   []string // more of +INSTALL's tools: `SYSCTL="/sbin/sysctl"`
	damage  damage
	archive []byte // what the damage made of it, or the package
}

// damage is what is wrong with a package.
type damage int

const (
	sound    damage = iota
	badSum          // the index has another digest
	badList         // a file has another digest than +CONTENTS says
	climbing        // a file whose path leaves the prefix
	cut             // the archive ends in its middle
	signed          // nothing is wrong: it is in an ar archive with a signature
)

// fileName is that of the package's file.
func (p *pkg) fileName() string { return p.name + ".tgz" }

// build makes the archive.
func (p *pkg) build(arch string) error {
	files := list{}
	for name, f := range p.files {
		files[name] = f
	}
	meta := []string{"+CONTENTS", "+COMMENT", "+DESC", "+INSTALL", "+DEINSTALL", "+BUILD_VERSION", "+BUILD_INFO", "+SIZE_PKG", "+SIZE_ALL"}
	put := func(name string, mode int64, text string) {
		if text != "" {
			files.text(name, mode, text)
		}
	}
	script, err := p.installScript()
	if err != nil {
		return err
	}
	put("+CONTENTS", 0o644, p.contents())
	put("+COMMENT", 0o644, p.comment+"\n")
	put("+DESC", 0o644, p.comment+", made for tests.\n\nHomepage:\nhttp://localhost/\n")
	put("+BUILD_VERSION", 0o644, p.path+"/Makefile:\t$NetBSD$\n")
	put("+BUILD_INFO", 0o644, p.buildInfo(arch))
	put("+SIZE_PKG", 0o644, fmt.Sprintf("%d\n", p.size()))
	put("+SIZE_ALL", 0o644, fmt.Sprintf("%d\n", p.size()))
	if script != "" {
		deinstall, err := content.ReadFile("content/pkg/DEINSTALL")
		if err != nil {
			return err
		}
		put("+INSTALL", 0o755, script)
		put("+DEINSTALL", 0o755, string(deinstall))
	}
	if p.damage == climbing {
		files.text("../../etc/climbed", 0o644, "out of the prefix\n")
	}
	b, err := files.tar("", meta...)
	if err != nil {
		return err
	}
	if p.archive, err = gzipped(b); err != nil {
		return err
	}
	p.spoil()
	return nil
}

// blockSize is of what a signature has digests of, in bytes.
const blockSize = 64 << 10

// spoil does the damage that is done to the archive.
func (p *pkg) spoil() {
	switch p.damage {
	case cut:
		p.archive = p.archive[:len(p.archive)/2]
	case signed:
		var b bytes.Buffer
		b.WriteString("!<arch>\n")
		var hash bytes.Buffer
		fmt.Fprintf(&hash, "pkgsrc signature\n\nversion: 1\npkgname: %s\nalgorithm: SHA512\nblock size: %d\nfile size: %d\n\n", p.name, blockSize, len(p.archive))
		for block := range slices.Chunk(p.archive, blockSize) {
			fmt.Fprintf(&hash, "%x\n", sha512.Sum512(block))
		}
		hash.WriteString("end pkgsrc signature\n")
		arMember(&b, "+PKG_HASH", hash.Bytes())
		arMember(&b, "+PKG_GPG_SIGNATURE", []byte("nobody's signature"))
		arMember(&b, p.fileName(), p.archive)
		p.archive = b.Bytes()
	}
}

// arMember writes a member of an ar(5) archive.
func arMember(b *bytes.Buffer, name string, body []byte) {
	fmt.Fprintf(b, "%-16s%-12d%-6d%-6d%-8o%-10d`\n", name, made.Unix(), 0, 0, 0o644, len(body))
	b.Write(body)
	if len(body)%2 != 0 {
		b.WriteByte('\n')
	}
}

func gzipped(data []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

func (p *pkg) size() int {
	n := 0
	for _, f := range p.files {
		n += len(f.body)
	}
	return n
}

// contents is the packing list.
func (p *pkg) contents() string {
	var b strings.Builder
	fmt.Fprintf(&b, "@comment Packaged at %s UTC by root@builder\n@comment Packaged using pkg_create 20240821\n@name %s\n",
		made.Format("2006-01-02 15:04"), p.name)
	for _, d := range p.depends {
		fmt.Fprintf(&b, "@pkgdep %s\n", d)
	}
	for _, d := range p.builtWith {
		fmt.Fprintf(&b, "@blddep %s\n", d)
	}
	for _, c := range p.conflicts {
		fmt.Fprintf(&b, "@pkgcfl %s\n", c)
	}
	fmt.Fprintf(&b, "@cwd %s\n", prefix)
	for _, d := range p.dirs {
		fmt.Fprintf(&b, "@pkgdir %s\n", d)
	}
	for _, name := range sortedNames(p.files) {
		f := p.files[name]
		if f.kindName() == "dir" {
			continue
		}
		b.WriteString(name + "\n")
		switch f.kindName() {
		case "link":
			fmt.Fprintf(&b, "@comment Symlink:%s\n", f.link)
		case "file":
			body := p.files.bodyOf(name)
			if p.damage == badList {
				body = append(slices.Clone(body), "more"...)
			}
			fmt.Fprintf(&b, "@comment MD5:%x\n", md5.Sum(body))
		}
	}
	for _, l := range p.lines {
		b.WriteString(l + "\n")
	}
	return b.String()
}

// buildInfo is what "pkg_info -Q" tells, and pkgin's pkg-build-defs.
func (p *pkg) buildInfo(arch string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "ABI=\nBUILD_DATE=%s\nCATEGORIES=%s\nLOCALBASE=%s\nMACHINE_ARCH=%s\nMACHINE_GNU_ARCH=%s\nOBJECT_FMT=ELF\nOPSYS=NetBSD\nOS_VERSION=10.0\nPKGPATH=%s\nPKGTOOLS_VERSION=20240821\nPKG_SYSCONFBASEDIR=%s/etc\nPKG_SYSCONFDIR=%s/etc\nVARBASE=/var\n",
		made.Format("2006-01-02 15:04:05 -0700"), path.Dir(p.path), prefix, machineArch(arch), machineArch(arch), p.path, prefix, prefix)
	for _, r := range p.requires {
		fmt.Fprintf(&b, "REQUIRES=%s\n", r)
	}
	for _, r := range p.provides {
		fmt.Fprintf(&b, "PROVIDES=%s\n", r)
	}
	return b.String()
}

// machineArch is what packages and their folders call the architecture.
func machineArch(arch string) string {
	if arch == "amd64" {
		return "x86_64"
	}
	return arch
}

// summary is the package's part of pkg_summary(5).
func (p *pkg) summary(arch string) string {
	var b strings.Builder
	line := func(name string, values ...string) {
		for _, v := range values {
			b.WriteString(name + "=" + v + "\n")
		}
	}
	line("CONFLICTS", p.conflicts...)
	line("PKGNAME", p.name)
	line("COMMENT", p.comment)
	line("SIZE_PKG", fmt.Sprint(p.size()))
	line("BUILD_DATE", made.Format("2006-01-02 15:04:05 -0700"))
	line("CATEGORIES", path.Dir(p.path))
	line("LICENSE", "modified-bsd")
	line("MACHINE_ARCH", machineArch(arch))
	line("OPSYS", "NetBSD")
	line("OS_VERSION", "10.0")
	line("PKGPATH", p.path)
	line("PKGTOOLS_VERSION", "20240821")
	line("REQUIRES", p.requires...)
	line("PROVIDES", p.provides...)
	line("DEPENDS", p.depends...)
	line("SUPERSEDES", p.supersedes...)
	line("DESCRIPTION", p.comment+", made for tests.", "", "Homepage:", "http://localhost/")
	line("FILE_NAME", p.fileName())
	line("FILE_SIZE", fmt.Sprint(len(p.archive)))
	if digestsInIndex(arch) {
		line("FILE_CKSUM", "sha512 "+p.digest())
	}
	return b.String() + "\n"
}

// digest is what the repository says to be the SHA-512 of the package's file.
func (p *pkg) digest() string {
	sum := sha512.Sum512(p.archive)
	if p.damage == badSum {
		sum[0] ^= 1
	}
	return fmt.Sprintf("%x", sum)
}

// digestsInIndex reports whether a repository's index has digests. NetBSD's
// own have them in a list beside the folder All.
func digestsInIndex(arch string) bool { return arch == "i386" }
