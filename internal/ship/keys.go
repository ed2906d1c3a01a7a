package ship

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// smolTools are the packages that smolBSD puts into each image which names no
// others, with the programs that make them needed.
var smolTools = []struct {
	name    string
	program *regexp.Regexp
}{
	{"pkgin", regexp.MustCompile(`\bpkgin\b`)},
	{"pkg_tarup", regexp.MustCompile(`\bpkg_tarup\b`)},
	{"pkg_install", regexp.MustCompile(`\b(pkgin|pkg_(add|info|delete|admin))\b`)},
	{"sqlite3", regexp.MustCompile(`\bsqlite3\b`)},
	{"curl", regexp.MustCompile(`\bcurl\b`)},
	{"rsync", regexp.MustCompile(`\brsync\b`)},
}

// finish fills in what all instructions together say.
func (e *evaluator) finish() {
	e.out.Release = e.keys["pkgvers"]
	if e.out.Release == "" {
		e.out.Release = e.keys["vers"]
	}
	if !e.def.smol {
		return
	}
	if _, said := e.keys["addpkgs"]; !said && len(e.stage.From.Sets) > 0 {
		e.defaultPackages()
	}
	if len(e.cfg.Publish) == 0 && len(e.cfg.Expose) > 0 {
		e.out.Notes = append(e.out.Notes, fmt.Sprintf(
			"%s: EXPOSE publishes nothing by itself: add LABEL smolbsd.publish=HOST:%d, or run with -p", e.def.file, e.cfg.Expose[0]))
	}
}

// defaultPackages adds those of smolBSD's own that the stage names.
func (e *evaluator) defaultPackages() {
	for _, tool := range smolTools {
		uses := func(s Step) bool { return s.Run != nil && tool.program.MatchString(strings.Join(s.Run.Args, " ")) }
		if slices.ContainsFunc(e.out.Steps, uses) || tool.program.MatchString(strings.Join(e.cfg.Args(), " ")) {
			e.out.Packages = append(e.out.Packages, tool.name)
		}
	}
	if len(e.out.Packages) > 0 {
		e.out.Notes = append(e.out.Notes, fmt.Sprintf("%s: packages of smolBSD's own that it uses are put in: %s (LABEL smolbsd.addpkgs names others)",
			e.def.file, strings.Join(e.out.Packages, " ")))
	}
}

// fillKeys fills the ship's own fields from the last stage.
func (d *definition) fillKeys(s *Ship, last *evaluator) error {
	s.Packages, s.Sets, s.Release = last.out.Packages, last.out.Sets, last.out.Release
	if err := checkRelease(s.Release); err != nil {
		return fmt.Errorf("%s: %w", d.file, err)
	}
	s.Lines = last.lines
	if s.Name = last.keys["service"]; s.Name == "" {
		s.Name = nameOf(definitionName(d.file))
	}
	return nil
}

// definitionName makes a ship's name of its definition's: X of Dockerfile.X,
// SMOLerfile.X, X.Dockerfile and X.smol, else its folder's.
func definitionName(path string) string {
	base := filepath.Base(path)
	for _, kind := range []string{"Dockerfile", "SMOLerfile"} {
		if name, ok := strings.CutPrefix(base, kind+"."); ok && name != "" {
			return name
		}
	}
	for _, end := range []string{".smol", ".Dockerfile"} {
		if name, ok := strings.CutSuffix(base, end); ok && name != "" {
			return name
		}
	}
	if abs, err := filepath.Abs(path); err == nil {
		return filepath.Base(filepath.Dir(abs))
	}
	return base
}

// release is a version of NetBSD: 10.1, 11.0, 11.
var release = regexp.MustCompile(`^[0-9]{1,3}(\.[0-9]{1,3}){0,2}(_[A-Z0-9]+)?$`)

func checkRelease(text string) error {
	if text != "" && !release.MatchString(text) {
		return fmt.Errorf("%s is no release: write one such as 10.1", quoted(text))
	}
	return nil
}
