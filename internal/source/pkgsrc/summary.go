package pkgsrc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// What a summary may be. The largest real ones have some 30,000 packages in
// 60 MB.
const (
	maxSummary      = 1 << 28 // bytes, unpacked
	maxSummaryLine  = 1 << 16 // bytes
	maxSummaryCount = 1 << 20 // packages
	maxValues       = 1 << 16 // lines of one package that we keep
)

// An entry is what pkg_summary(5) says of one package, as far as it is of use
// here.
type entry struct {
	Base, Version string // PKGNAME, cut at its last hyphen
	File          string // FILE_NAME; empty stands for PKGNAME.tgz
	Size          int64  // FILE_SIZE, bytes; 0 where it is not said
	Sum           string // FILE_CKSUM, "sha512:" and hex; may be empty
	Built         string // BUILD_DATE, which tells builds of one version apart
	OS, Arch      string // OPSYS and MACHINE_ARCH
	License       string
	Homepage      string
	Depends       []string // patterns
	Conflicts     []string // patterns
	Supersedes    []string // patterns
	Requires      []string // paths of libraries
	Provides      []string // paths of libraries
}

// name returns "nginx-1.26.2".
func (e *entry) name() string { return e.Base + "-" + e.Version }

// file is the base name of the package's file.
func (e *entry) file() string {
	if e.File == "" {
		return e.name() + ".tgz"
	}
	return e.File
}

// fields are the parts of e that have one value, by their variables; lists
// those that may have many.
func (e *entry) fields() []field {
	return []field{
		{"FILE_NAME", &e.File},
		{"BUILD_DATE", &e.Built},
		{"OPSYS", &e.OS},
		{"MACHINE_ARCH", &e.Arch},
		{"LICENSE", &e.License},
		{"HOMEPAGE", &e.Homepage},
		{"FILE_CKSUM", &e.Sum},
	}
}

type field struct {
	variable string
	value    *string
}

func (e *entry) lists() []list {
	return []list{
		{"DEPENDS", &e.Depends},
		{"CONFLICTS", &e.Conflicts},
		{"SUPERSEDES", &e.Supersedes},
		{"REQUIRES", &e.Requires},
		{"PROVIDES", &e.Provides},
	}
}

type list struct {
	variable string
	values   *[]string
}

// readSummary hands each package of a pkg_summary(5), which is not
// compressed, to add.
func readSummary(r io.Reader, add func(e *entry) error) error {
	limited := &io.LimitedReader{R: r, N: maxSummary}
	b := bufio.NewScanner(limited)
	b.Buffer(make([]byte, 0, maxSummaryLine), maxSummaryLine)
	p := summaryParser{add: add, set: make(map[string]func(string) error)}
	p.bind()
	for b.Scan() {
		p.line++
		if err := p.take(b.Text()); err != nil {
			return fmt.Errorf("line %d: %w", p.line, err)
		}
	}
	if err := b.Err(); err != nil {
		return fmt.Errorf("line %d: %w", p.line+1, err)
	}
	if err := p.finish(); err != nil {
		return fmt.Errorf("line %d: %w", p.line, err)
	}
	if limited.N == 0 {
		return fmt.Errorf("it is %d bytes long or longer", maxSummary)
	}
	if p.count == 0 {
		return errors.New("there is no package in it")
	}
	return nil
}

type summaryParser struct {
	add    func(e *entry) error
	set    map[string]func(value string) error // by variable, for the package at hand
	e      entry
	values int
	line   int
	count  int
}

// bind makes set, once: all packages are read into p.e.
func (p *summaryParser) bind() {
	for _, f := range p.e.fields() {
		p.set[f.variable] = func(v string) error { *f.value = strings.TrimSpace(v); return nil }
	}
	for _, l := range p.e.lists() {
		p.set[l.variable] = func(v string) error { return p.append(l.values, v) }
	}
	p.set["PKGNAME"] = p.setName
	p.set["FILE_SIZE"] = func(v string) (err error) {
		if p.e.Size, err = strconv.ParseInt(v, 10, 64); err != nil || p.e.Size < 0 {
			return fmt.Errorf("the FILE_SIZE is %.40q", v)
		}
		return nil
	}
}

func (p *summaryParser) take(line string) error {
	if line == "" {
		return p.finish()
	}
	variable, value, ok := strings.Cut(line, "=")
	if !ok {
		return fmt.Errorf("%.40q is not VARIABLE=value", line)
	}
	if set := p.set[variable]; set != nil {
		return set(value)
	}
	return nil
}

func (p *summaryParser) append(to *[]string, v string) error {
	if p.values++; p.values > maxValues {
		return fmt.Errorf("more than %d values for one package", maxValues)
	}
	if v = strings.TrimSpace(v); v != "" {
		*to = append(*to, v)
	}
	return nil
}

func (p *summaryParser) setName(v string) error {
	base, version, ok := splitName(v)
	if !ok || !plainName(v) {
		return fmt.Errorf("%.80q is not the name of a package", v)
	}
	p.e.Base, p.e.Version = base, version
	return nil
}

// finish hands on the package that ends here, if there is one.
func (p *summaryParser) finish() error {
	e := p.e
	p.e, p.values = entry{}, 0
	if e.Base == "" {
		return nil // an empty line too many
	}
	if e.File == e.name()+".tgz" {
		e.File = ""
	}
	if e.File != "" && !plainName(e.File) {
		return fmt.Errorf("the FILE_NAME of %s is %.80q", e.name(), e.File)
	}
	e.Sum = checksum(e.Sum)
	if p.count++; p.count > maxSummaryCount {
		return fmt.Errorf("more than %d packages", maxSummaryCount)
	}
	return p.add(&e)
}

// plainName reports whether s can be the name of a file in a folder of ours
// and the end of an address.
func plainName(s string) bool {
	bad := func(r rune) bool { return r <= ' ' || r == '/' || r == '\\' || r == 0x7f }
	return s != "" && len(s) <= 255 && s[0] != '.' && s[0] != '+' && !strings.ContainsFunc(s, bad)
}

// checksum turns the "sha512 0123…" of FILE_CKSUM into a digest, and what is
// not such into nothing.
func checksum(v string) string {
	algorithm, hex, ok := strings.Cut(v, " ")
	algorithm, hex = strings.ToLower(algorithm), strings.ToLower(strings.TrimSpace(hex))
	if !ok || newHash(algorithm) == nil || len(hex) != 2*newHash(algorithm).Size() || strings.Trim(hex, "0123456789abcdef") != "" {
		return ""
	}
	return algorithm + ":" + hex
}
