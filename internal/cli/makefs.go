package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/internal/makefs"
)

// makefsFlags are the flags of makefs that are not values of its options yet.
type makefsFlags struct {
	options makefs.Options
	ignored bool // -Z, which is always so
	debug   string
	follow  bool
}

func newMakefs(a *app) *cobra.Command {
	f := makefsFlags{options: makefs.Defaults()}
	c := &cobra.Command{
		Use:     "makefs [flags] IMAGE DIR [EXTRA-DIR...]",
		Short:   "Make a file system image of a folder, as NetBSD's makefs(8)",
		GroupID: "disk",
		Long: `Make an image of a Fast File System of the files below a folder, without root,
with the options and specification files of NetBSD's makefs(8). Flags come
before the arguments. The image is there whole or not at all, and the same
files give the same image.

Sizes are bytes, or have a suffix: b (512), k, m, g, t, w (4); an x multiplies,
as in 4x512k. SOURCE_DATE_EPOCH is the latest time that gets into the image.

Keywords for -o, as in -o version=2,bsize=16k:
` + makefs.FSOptionsHelp(),
		Example: `  fakecracker makefs -o version=2 disk.img root/
  fakecracker makefs -s 256m -o bsize=16k,fsize=2k,label=root disk.img root/
  fakecracker makefs -B be -x -F METALOG -N root/etc -f 1000 disk.img root/`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usagef("%s needs an image and a folder: %s", c.CommandPath(), c.UseLine())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return a.makefs(c.Context(), f, args) },
	}
	f.declare(c)
	return c
}

// declare declares the flags by makefs(8)'s letters.
func (f *makefsFlags) declare(c *cobra.Command) {
	o, fs := &f.options, c.Flags()
	fs.SetInterspersed(false) // as getopt(3): what follows the image is a folder, whatever its name
	fs.FuncP("type", "t", "`TYPE` of the file system: ffs (default)", checkFSType)
	fs.FuncP("options", "o", "`OPTIONS` of the file system, see above", o.SetFS)
	fs.FuncP("size", "s", "`SIZE` of the image; without it, it fits the files", sizeFlag(&o.FS.Size, 1))
	fs.FuncP("min-size", "M", "least `SIZE` of the image", sizeFlag(&o.FS.MinSize, 1))
	fs.FuncP("max-size", "m", "greatest `SIZE` of the image", sizeFlag(&o.FS.MaxSize, 1))
	fs.FuncP("free-blocks", "b", "`BYTES` left free, or percent with a %", amountFlag(&o.FS.Free, &o.FS.FreePercent))
	fs.FuncP("free-files", "f", "`NUMBER` of files that can be added, or percent with a %", amountFlag(&o.FreeFiles, &o.FreeFilesPercent))
	fs.FuncP("byte-order", "B", "`ORDER` of bytes: le (default), little or 1234, or be, big or 4321", func(s string) (err error) {
		o.FS.Order, err = makefs.ParseOrder(s)
		return err
	})
	fs.StringVarP(&o.Spec, "spec", "F", "", "mtree(8) specification `FILE`")
	fs.BoolVarP(&o.OnlySpec, "only-spec", "x", false, "leave out what the specification does not name")
	fs.StringVarP(&o.Users, "users", "N", "", "`FOLDER` with master.passwd and group for the specification's names")
	fs.FuncP("offset", "O", "`BYTES` in the image before the file system; what is there stays", sizeFlag(&o.Offset, 0))
	fs.FuncP("sector-size", "S", "`SIZE` of the disk's sectors: 512 (default) or more", func(s string) error {
		var n int64
		err := sizeFlag(&n, 1)(s)
		o.FS.SectorSize = int(n)
		return err
	})
	fs.FuncP("timestamp", "T", "`TIME` of all files: a file's, seconds since 1970, or a date", func(s string) (err error) {
		o.Timestamp, err = makefs.ParseTime(s)
		return err
	})
	fs.BoolVarP(&o.Replace, "replace", "r", false, "let a file of a later folder replace one of an earlier")
	fs.BoolVarP(&f.ignored, "sparse", "Z", false, "make a sparse image, which it always is")
	fs.StringVarP(&f.debug, "debug", "d", "", "`MASK` of makefs(8)'s debugging, which is ignored")
	fs.BoolVarP(&f.follow, "follow", "L", false, "follow symbolic links: not available")
}

func checkFSType(s string) error {
	if s != "ffs" {
		return fmt.Errorf("file system %q: only ffs is made here", s)
	}
	return nil
}

// sizeFlag takes a size that is at least least.
func sizeFlag(to *int64, least int64) func(string) error {
	return func(s string) (err error) {
		if *to, err = makefs.ParseSize(s); err == nil && *to < least {
			err = fmt.Errorf("size %q: want %d or more", s, least)
		}
		return err
	}
}

func amountFlag(n *int64, percent *int) func(string) error {
	return func(s string) error {
		number, p, err := makefs.ParseAmount(s)
		if strings.HasSuffix(s, "%") {
			*percent = p
		} else {
			*n = number
		}
		return err
	}
}

// makefs makes the image that args name first of the folders after it.
func (a *app) makefs(ctx context.Context, f makefsFlags, args []string) error {
	o := f.options
	o.Image, o.Dirs = args[0], args[1:]
	switch {
	case o.OnlySpec && o.Spec == "":
		return usagef("-x leaves out what a specification does not name: give one with -F")
	case f.follow:
		return usagef("-L is not available: copy the folder with cp -RL first, which follows symbolic links")
	}
	o.Now, o.FS.NotAfter = time.Now(), a.sourceDate()
	bar := newBar(&status{w: a.err}, "makefs")
	o.FS.Progress = bar.set
	r, err := makefs.Run(ctx, o)
	bar.finish()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s: %d bytes, %d files\n", o.Image, r.Size, r.Files)
	return err
}
