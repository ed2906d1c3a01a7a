package ship

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/spelling"
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

// release is a version of NetBSD, 10.1 or 11.0, or one that is built daily: the
// branch 11, HEAD, daily:netbsd-11, or daily:HEAD/202611220000Z for that day's.
var release = regexp.MustCompile(`^([0-9]{1,3}(\.[0-9]{1,3}){0,2}(_[A-Z0-9]+)?|HEAD|(daily:)?netbsd-[0-9]{1,3}|daily:([0-9]{1,3}|HEAD)|daily:(netbsd-[0-9]{1,3}|[0-9]{1,3}|HEAD)/[0-9]{12}Z)$`)

func checkRelease(text string) error {
	if text != "" && !release.MatchString(text) {
		return fmt.Errorf("%s is no release: write one such as 10.1, HEAD or daily:netbsd-11", quoted(text))
	}
	return nil
}

// The labels of smolBSD: those that say something here, and those that don't.
var (
	smolKeys  = []string{"service", "imgsize", "publish", "addpkgs", "addsets", "mountro", "pkgvers", "vers", "mem", "curlsh"}
	smolNoted = map[string]string{
		"minimize":    "a root is never larger than it has to be",
		"use_pty":     "run -it gives the service a terminal",
		"biosboot":    "a guest is booted without a BIOS: disk commands make images for one",
		"biosconsole": "a guest is booted without a BIOS",
		"bioskernel":  "the kernel is the run command's to choose",
		"smolify":     "the kernel is the run command's to choose",
		"imgname":     "the build command names images",
		"imgtag":      "the build command names images",
		"sets":        "FROM names the sets",
		"fromimg":     "FROM names the image",
	}
)

// smolLabel takes a label that is a variable of smolBSD's.
func (e *evaluator) smolLabel(key, value string) error {
	name, own := strings.CutPrefix(key, "smolbsd.")
	name = strings.ToLower(name)
	if !own && !e.def.smol {
		return nil
	}
	switch {
	case slices.Contains(smolKeys, name):
		return e.smolKey(name, value)
	case smolNoted[name] != "":
		e.note(fmt.Sprintf("LABEL %s has no effect here: %s", key, smolNoted[name]))
	case own:
		hint := ""
		if near := spelling.Nearest(name, smolKeys); near != "" {
			hint = fmt.Sprintf(" (did you mean smolbsd.%s?)", near)
		}
		e.note(fmt.Sprintf("LABEL %s means nothing to smolBSD or here%s", key, hint))
	}
	return nil
}

func (e *evaluator) smolKey(name, value string) error {
	var err error
	switch name {
	case "service":
		if !validName(value) {
			return errors.New("a name has letters, digits and . _ - and starts with one of the first two")
		}
		e.keys[name] = value
	case "imgsize":
		e.cfg.DiskSize, err = megabytes(value)
	case "mem":
		e.cfg.Memory, err = megabytes(value)
	case "publish":
		var pairs []string
		pairs, err = publishList(value)
		for _, p := range pairs {
			e.publish(p)
		}
	case "mountro":
		if e.cfg.ReadOnly, err = yes(value); e.cfg.ReadOnly {
			e.note("LABEL mountro is " + keptAccess)
		}
	case "addsets":
		list, ok := sets(strings.Join(strings.Fields(value), ","))
		if !ok && strings.TrimSpace(value) != "" {
			return errors.New("not a list of NetBSD's sets")
		}
		e.out.Sets = list
	case "pkgvers", "vers":
		e.keys[name] = value
	case "addpkgs":
		e.out.Packages = strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' })
		e.keys[name] = value
		if e.in.File == "" {
			e.lines = map[string]int{"packages": e.in.Line}
		}
	case "curlsh":
		return errors.New("scripts from the network are not run at the end of a build: write a RUN")
	}
	return err
}

// megabytes reads a size that is in megabytes unless it says otherwise.
func megabytes(value string) (int64, error) {
	if strings.Trim(value, "0123456789") == "" {
		value += "M"
	}
	return size(value)
}

// yes reads a switch.
func yes(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "y", "yes", "true", "on", "1":
		return true, nil
	case "", "n", "no", "false", "off", "0":
		return false, nil
	}
	return false, fmt.Errorf("%s is neither yes nor no", quoted(value))
}
