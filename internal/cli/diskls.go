package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/ffs"
)

type lsOptions struct {
	partition             string
	long, recursive, json bool
}

func newDiskLs(a *app) *cobra.Command {
	var o lsOptions
	c := &cobra.Command{
		Use:   "ls [flags] FILE [PATH]",
		Short: "List the files on a disk",
		Long: `List the files of a folder on a disk, or one file. Owners are numbers, times
UTC. Names that a terminal could not show are in quotes.`,
		Example: `  fakecracker disk ls disk.img
  fakecracker disk ls -lR disk.img /etc
  fakecracker disk ls --json --partition a disk.img /dev`,
		Args: diskArgs,
		RunE: func(c *cobra.Command, args []string) error {
			d, err := openDisk(args[0], o.partition)
			if err != nil {
				return err
			}
			defer d.Close()
			return d.named(a.diskLs(c.Context(), d, pathArg(args), o))
		},
	}
	c.Flags().BoolVarP(&o.long, "long", "l", false, "tell mode, links, owner, group, size and time")
	c.Flags().BoolVarP(&o.recursive, "recursive", "R", false, "list the folders below too")
	c.Flags().BoolVar(&o.json, "json", false, "print JSON")
	declarePartition(c, &o.partition)
	return c
}

// A listed is a file as ls prints it.
type listed struct {
	Path string `json:"path"`
	// Bytes of Path, where that is not UTF-8 and JSON can't hold it.
	Bytes   []byte `json:"path_bytes,omitempty"`
	Type    string `json:"type"`
	Mode    string `json:"mode"`
	Inode   uint32 `json:"inode"`
	Links   int    `json:"links"`
	UID     uint32 `json:"uid"`
	GID     uint32 `json:"gid"`
	Size    int64  `json:"size"`
	Flags   uint32 `json:"flags,omitempty"`
	Device  string `json:"device,omitempty"`
	Target  string `json:"target,omitempty"`
	ModTime string `json:"mtime"`

	name string
	mode fs.FileMode
	time time.Time
}

// fileTypes names the types of files.
var fileTypes = map[fs.FileMode]string{
	0: "file", fs.ModeDir: "dir", fs.ModeSymlink: "symlink",
	fs.ModeDevice: "block", fs.ModeDevice | fs.ModeCharDevice: "char",
	fs.ModeNamedPipe: "fifo", fs.ModeSocket: "socket", fs.ModeIrregular: "unknown",
}

// list describes the file at p.
func (d *diskFS) list(p string, fi fs.FileInfo) (listed, error) {
	i := fi.Sys().(*ffs.Inode)
	l := listed{
		Path: path.Join("/", p), Type: fileTypes[fi.Mode().Type()], Mode: fmt.Sprintf("%04o", i.Mode&0o7777),
		Inode: i.Number, Links: int(i.Links), UID: i.UID, GID: i.GID, Size: fi.Size(), Flags: i.Flags,
		ModTime: fi.ModTime().UTC().Format(time.RFC3339Nano),
		name:    path.Base(p), mode: fi.Mode(), time: fi.ModTime().UTC(),
	}
	if !utf8.ValidString(l.Path) {
		l.Bytes = []byte(l.Path)
	}
	if fi.Mode()&fs.ModeDevice != 0 {
		major, minor := i.Device()
		l.Device = fmt.Sprintf("%d, %d", major, minor)
	}
	if fi.Mode().Type() == fs.ModeSymlink {
		var err error
		if l.Target, err = d.ReadLink(p); err != nil {
			return l, err
		}
	}
	return l, nil
}

// listDir lists what is in the folder at p, and what of it are folders that
// were in no folder before. Of a damaged one it returns what there is, and the
// error.
func (d *diskFS) listDir(p string) (files []listed, folders []string, err error) {
	entries, err := d.ReadDir(p)
	for _, e := range entries {
		at := path.Join(p, e.Name())
		fi, infoErr := e.Info()
		var l listed
		if infoErr == nil {
			l, infoErr = d.list(at, fi)
		}
		if infoErr != nil {
			if err == nil {
				err = infoErr
			}
			continue
		}
		files = append(files, l)
		if fi.IsDir() {
			if err == nil && d.seen[l.Inode] {
				err = fmt.Errorf("%s: damaged: a directory that has two names", at)
			}
			if !d.seen[l.Inode] {
				folders = append(folders, at)
			}
			d.seen[l.Inode] = true
		}
	}
	return files, folders, err
}

func (a *app) diskLs(ctx context.Context, d *diskFS, p string, o lsOptions) error {
	fi, err := d.Stat(p)
	if errors.Is(err, fs.ErrNotExist) {
		fi, err = d.Lstat(p) // a link to nowhere is there itself
	}
	if err != nil {
		return err
	}
	if !fi.IsDir() {
		return a.lsFile(d, p, o)
	}
	s := lsRun{app: a, disk: d, options: o, all: []listed{}}
	err = s.folder(ctx, p, o.recursive)
	if o.json {
		if jsonErr := a.printJSON(s.all); jsonErr != nil {
			return jsonErr
		}
	}
	return err
}

// lsFile lists what is no folder: a link itself, as ls -l does.
func (a *app) lsFile(d *diskFS, p string, o lsOptions) error {
	fi, err := d.Lstat(p)
	if err != nil {
		return err
	}
	l, err := d.list(p, fi)
	if err != nil {
		return err
	}
	if o.json {
		return a.printJSON([]listed{l})
	}
	l.name = l.Path
	return a.printListed([]listed{l}, o.long)
}

// A lsRun is one run of ls.
type lsRun struct {
	app     *app
	disk    *diskFS
	options lsOptions
	all     []listed // for JSON
	some    bool     // something is printed
}

// folder lists a folder, and those below it. Damage is told when all the rest
// is listed.
func (s *lsRun) folder(ctx context.Context, p string, below bool) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	files, folders, err := s.disk.listDir(p)
	if s.options.json {
		s.all = append(s.all, files...)
	} else if printErr := s.print(p, files); printErr != nil {
		return printErr
	}
	if !below {
		return err
	}
	for _, f := range folders {
		if e := s.folder(ctx, f, true); e != nil && err == nil {
			err = e
		}
	}
	return err
}

func (s *lsRun) print(p string, files []listed) error {
	if s.options.recursive {
		if s.some {
			fmt.Fprintln(s.app.out)
		}
		s.some = true
		fmt.Fprintf(s.app.out, "%s:\n", quoted(path.Join("/", p)))
	}
	return s.app.printListed(files, s.options.long)
}

func (a *app) printListed(files []listed, long bool) error {
	if !long {
		for _, l := range files {
			if _, err := fmt.Fprintln(a.out, quoted(l.name)); err != nil {
				return err
			}
		}
		return nil
	}
	t := newTable(a.out)
	for _, l := range files {
		t.row(modeString(l.mode), strconv.Itoa(l.Links), strconv.Itoa(int(l.UID)), strconv.Itoa(int(l.GID)),
			l.size(), l.time.Format("2006-01-02 15:04:05"), l.named())
	}
	return t.flush()
}

// size is a device's numbers, or the size in bytes.
func (l listed) size() string {
	if l.Device != "" {
		return l.Device
	}
	return strconv.FormatInt(l.Size, 10)
}

// named is the name, with what a link says.
func (l listed) named() string {
	if l.mode.Type() == fs.ModeSymlink {
		return quoted(l.name) + " -> " + quoted(l.Target)
	}
	return quoted(l.name)
}

// modeString is a mode as ls -l writes it, in ten characters.
func modeString(m fs.FileMode) string {
	types := map[fs.FileMode]byte{
		0: '-', fs.ModeDir: 'd', fs.ModeSymlink: 'l', fs.ModeDevice: 'b', fs.ModeDevice | fs.ModeCharDevice: 'c',
		fs.ModeNamedPipe: 'p', fs.ModeSocket: 's',
	}
	b := []byte("?" + m.Perm().String()[1:])
	if c, ok := types[m.Type()]; ok {
		b[0] = c
	}
	for _, s := range []struct {
		bit fs.FileMode
		at  int
		c   byte
	}{{fs.ModeSetuid, 3, 's'}, {fs.ModeSetgid, 6, 's'}, {fs.ModeSticky, 9, 't'}} {
		switch {
		case m&s.bit == 0:
		case b[s.at] == 'x':
			b[s.at] = s.c
		default:
			b[s.at] = s.c - 'a' + 'A'
		}
	}
	return string(b)
}
