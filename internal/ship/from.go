package ship

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/fakecracker/fakecracker/internal/image"
)

// netbsdSets are the sets of a NetBSD release; kern-* besides.
var netbsdSets = []string{
	"base", "base32", "comp", "debug", "debug32", "dtb", "etc", "games", "gpufw", "man", "manhtml", "misc", "modules", "rescue", "tests", "text",
	"xbase", "xcomp", "xdebug", "xetc", "xfont", "xserver",
}

// isSet says whether an entry of FROM names a set, with or without the end of
// its file's name, or is the path of one.
func isSet(entry string) bool {
	name, member, has := strings.Cut(entry, ":")
	if has && !strings.HasPrefix(strings.TrimPrefix(member, "."), "/") {
		return false
	}
	stem, packed := cutArchive(name)
	if strings.Contains(name, "/") {
		return packed
	}
	kern, _ := path.Match("kern-?*", stem)
	return kern || slices.Contains(netbsdSets, stem)
}

// cutArchive takes the ends of sets' files off.
func cutArchive(name string) (stem string, packed bool) {
	for _, end := range []string{".tgz", ".tar.xz", ".tar.gz"} {
		if s, ok := strings.CutSuffix(name, end); ok {
			return s, true
		}
	}
	return name, false
}

// sets reads "base,etc,comp:/usr/bin/strip" as smolBSD does. The second
// result is false where that names something else.
func sets(text string) ([]string, bool) {
	var all []string
	for entry := range strings.SplitSeq(text, ",") {
		if entry == "" {
			continue
		}
		if !isSet(entry) {
			return nil, false
		}
		name, member, has := strings.Cut(entry, ":")
		if !strings.Contains(name, "/") {
			name, _ = cutArchive(name)
		}
		if has {
			name += ":" + path.Clean("/"+strings.TrimPrefix(member, "."))
		}
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all, len(all) > 0
}

// from makes a stage of a FROM.
func (d *definition) from(in Instruction, parsed any) (Stage, error) {
	cmd, ok := parsed.(*instructions.Stage)
	if !ok {
		return Stage{}, fmt.Errorf("unexpected %T", parsed)
	}
	w := expander(in.escape, d.global)
	base, err := w.one(cmd.BaseName)
	if err != nil {
		return Stage{}, err
	}
	if base == "" {
		return Stage{}, fmt.Errorf("FROM %s is empty: an ARG before the first FROM may give it a value", cmd.BaseName)
	}
	platform, err := w.one(cmd.Platform)
	if err != nil {
		return Stage{}, err
	}
	s := Stage{Name: cmd.Name, Line: in.Line, File: in.File, def: d, index: len(d.stages)}
	if s.Name != "" && slices.Contains(d.stages, s.Name) {
		return Stage{}, fmt.Errorf("a stage named %s is there already", s.Name)
	}
	if s.From, err = d.base(base); err != nil {
		return Stage{}, err
	}
	if !d.smol && slices.Equal(s.From.Sets, []string{base}) && slices.Contains(netbsdSets, base) {
		d.notes = append(d.notes, fmt.Sprintf("%s: FROM %s is NetBSD's set of that name: write %s:latest for an image, %s.tgz for the set alone", d.at(in), base, base, base))
	}
	if s.From.Guest, err = platformGuest(platform); err == nil && platform != cmd.Platform {
		d.forget(&s.From.Guest, cmd.Platform)
	}
	return s, err
}

var (
	ofPlatform = regexp.MustCompile(`\$\{?(TARGET|BUILD)(PLATFORM|OS)\b`)
	ofArch     = regexp.MustCompile(`\$\{?(TARGET|BUILD)(PLATFORM|ARCH)\b`)
)

// forget takes out of a guest what a --platform has from variables that stand
// for what the user asks for, where that isn't known yet.
func (d *definition) forget(g *image.Guest, word string) {
	if d.asked.OS == "" && ofPlatform.MatchString(word) {
		g.OS = ""
	}
	if d.asked.Arch == "" && ofArch.MatchString(word) {
		g.Arch = ""
	}
}

// base tells what FROM builds on.
func (d *definition) base(name string) (From, error) {
	if name == "scratch" {
		return From{Scratch: true}, nil
	}
	if i, ok := d.stage(name); ok {
		return From{Stage: strconv.Itoa(i)}, nil
	}
	if list, ok := sets(name); ok {
		return From{Sets: list}, nil
	}
	if strings.HasSuffix(name, ".img") {
		return From{Disk: name}, nil
	}
	if strings.Contains(name, ",") {
		for entry := range strings.SplitSeq(name, ",") {
			if entry != "" && !isSet(entry) {
				return From{}, fmt.Errorf("FROM %s: %s is no set of NetBSD (%s, kern-*)", name, quoted(entry), strings.Join(netbsdSets, ", "))
			}
		}
		return From{}, fmt.Errorf("FROM %s: names nothing", name)
	}
	if strings.ContainsAny(name, " \t\n\"'`$\\") || strings.HasPrefix(name, "-") {
		return From{}, fmt.Errorf("FROM %s: not the name of a stage, set or image", quoted(name))
	}
	return From{Image: name}, nil
}

// stage finds an earlier stage by its name or index.
func (d *definition) stage(name string) (int, bool) {
	for i, n := range d.stages {
		if n != "" && strings.EqualFold(n, name) {
			return i, true
		}
	}
	i, err := strconv.Atoi(name)
	return i, err == nil && i >= 0 && i < len(d.stages) && strconv.Itoa(i) == name
}

// platformGuest reads --platform=OS/ARCH.
func platformGuest(platform string) (image.Guest, error) {
	if platform == "" {
		return image.Guest{}, nil
	}
	g, err := parseGuest(platform)
	if err != nil {
		return g, fmt.Errorf("--platform=%s: platforms are netbsd/386, netbsd/amd64, linux/386 and linux/amd64", platform)
	}
	return g, nil
}

// globalArg takes an ARG that stands before the first FROM.
func (d *definition) globalArg(in Instruction, parsed any) error {
	cmd, ok := parsed.(*instructions.ArgCommand)
	if !ok {
		return fmt.Errorf("unexpected %T", parsed)
	}
	w := expander(in.escape, d.global)
	for _, arg := range cmd.Args {
		d.used[arg.Key] = true
		value, given := d.build[arg.Key]
		if !given && arg.Value == nil {
			continue
		}
		if !given {
			v, err := w.one(*arg.Value)
			if err != nil {
				return err
			}
			value = v
		}
		d.global[arg.Key] = value
		if d.global.size() > maxVars {
			return errTooMuch
		}
	}
	return nil
}

var errTooMuch = errors.New("its variables take more than " + strconv.Itoa(maxVars>>10) + " KiB")

// platform returns the arguments that docker gives every definition. Steps
// run in a guest, so that the platform of the build is the guest's, too.
func (d *definition) platform(g image.Guest) variables {
	arch := map[string]string{"i386": "386", "amd64": "amd64"}[g.Arch]
	return variables{
		"TARGETPLATFORM": g.OS + "/" + arch, "TARGETOS": g.OS, "TARGETARCH": arch, "TARGETVARIANT": "",
		"BUILDPLATFORM": g.OS + "/" + arch, "BUILDOS": g.OS, "BUILDARCH": arch, "BUILDVARIANT": "",
	}
}
