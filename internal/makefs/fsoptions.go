package makefs

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/fakecracker/fakecracker/internal/spelling"
)

// An fsOption is a keyword of -o.
type fsOption struct {
	names []string // the last may be a letter
	help  string   // "" for those that are only here to be understood
	set   func(o *Options, value string) error
}

// fsOptions are the keywords, those of makefs(8) first.
var fsOptions = []fsOption{
	{[]string{"version", "v"}, "1 (default) or 2, which is UFS2", number(1, 2, func(o *Options) *int { return &o.FS.Version })},
	{[]string{"bsize", "b"}, "block size in bytes", number(1, math.MaxInt32, func(o *Options) *int { return &o.FS.BlockSize })},
	{[]string{"fsize", "f"}, "fragment size in bytes", number(1, math.MaxInt32, func(o *Options) *int { return &o.FS.FragmentSize })},
	{[]string{"density", "d"}, "bytes per inode", number(1, math.MaxInt32, func(o *Options) *int { return &o.FS.Density })},
	{[]string{"minfree", "m"}, "reserve of root's in percent", number(0, 99, func(o *Options) *int { return &o.FS.MinFree })},
	{[]string{"optimization", "o"}, "time (default) or space", setOptimization},
	{[]string{"label", "l"}, "name of the volume", setLabel},
	{[]string{"maxbpg", "maxbpf", "M"}, "blocks of a file in a cylinder group", number(1, math.MaxInt32, func(o *Options) *int { return &o.FS.MaxBlocksPerFile })},
	{[]string{"maxbpcg", "g"}, "fragments in a cylinder group", number(1, math.MaxInt32, func(o *Options) *int { return &o.GroupFragments })},
	{[]string{"avgfilesize", "a"}, "expected size of files in bytes", number(1, math.MaxInt32, func(o *Options) *int { return &o.FS.AvgFileSize })},
	{[]string{"avgfpdir", "n"}, "expected number of files per folder", number(1, math.MaxInt32, func(o *Options) *int { return &o.FS.AvgFilesPerDir })},
	{[]string{"extent", "x"}, "greatest extent in bytes", number(1, math.MaxInt32, func(o *Options) *int { return &o.Extent })},

	// Geometry of disks: makefs(8) took these once, and no kernel looks at
	// them any more.
	{[]string{"nsectors"}, "", ignored},
	{[]string{"ntracks"}, "", ignored},
	{[]string{"ncyls"}, "", ignored},
	{[]string{"cpg"}, "", ignored},
	{[]string{"rotdelay"}, "", ignored},
	{[]string{"rpm"}, "", ignored},
	{[]string{"nrpos"}, "", ignored},

	// These would change what one gets.
	{[]string{"softupdates"}, "", unavailable("soft updates are FreeBSD's, and NetBSD has none: leave softupdates out")},
	{[]string{"log"}, "", unavailable("NetBSD makes a log by itself when it mounts with -o log: leave log out")},
}

// SetFS takes the argument of -o: keywords with values, separated by commas.
func (o *Options) SetFS(list string) error {
	for option := range strings.SplitSeq(list, ",") {
		if option == "" {
			return fmt.Errorf("%q: there is an empty option in it", list)
		}
		name, value, _ := strings.Cut(option, "=")
		known, err := findFSOption(name)
		if err != nil {
			return err
		}
		if err := known.set(o, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func findFSOption(name string) (*fsOption, error) {
	var known []string
	for i := range fsOptions {
		for _, n := range fsOptions[i].names {
			if n == name {
				return &fsOptions[i], nil
			}
			if len(n) > 1 {
				known = append(known, n)
			}
		}
	}
	if near := spelling.Nearest(name, known); near != "" {
		return nil, fmt.Errorf("unknown option %q (did you mean %q?)", name, near)
	}
	return nil, fmt.Errorf("unknown option %q", name)
}

// FSOptionsHelp lists the keywords of -o, a line for each.
func FSOptionsHelp() string {
	var b strings.Builder
	for _, f := range fsOptions {
		if f.help != "" {
			fmt.Fprintf(&b, "  %-13s %s\n", f.names[0], f.help)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

func number(low, high int64, field func(*Options) *int) func(*Options, string) error {
	return func(o *Options, value string) error {
		n, err := parseBounded(value, low, high)
		if err != nil {
			return err
		}
		*field(o) = int(n)
		return nil
	}
}

func setOptimization(o *Options, value string) error {
	if value != "time" && value != "space" {
		return fmt.Errorf("%q: want time or space", value)
	}
	o.FS.OptimizeSpace = value == "space"
	return nil
}

// maxLabel is what fs_volname holds, with a zero byte behind it.
const maxLabel = 31

func setLabel(o *Options, value string) error {
	if value == "" || len(value) > maxLabel {
		return fmt.Errorf("%q: want 1 to %d bytes", value, maxLabel)
	}
	o.FS.Label = value
	return nil
}

// ignored checks the value all the same.
func ignored(_ *Options, value string) error {
	_, err := parseBounded(value, 0, math.MaxInt32)
	return err
}

// unavailable refuses what we can't do, unless it is turned off.
func unavailable(why string) func(*Options, string) error {
	return func(_ *Options, value string) error {
		if value == "0" {
			return nil
		}
		return errors.New(why)
	}
}
