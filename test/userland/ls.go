package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ls is ls(1): one name in a line.
func ls(args []string) error {
	o, err := getopt(args, "1AadFhilnRT")
	if err != nil {
		return err
	}
	names := o.rest
	if len(names) == 0 {
		names = []string{"."}
	}
	var dirs []string
	err = each(names, func(name string) error {
		fi, err := os.Lstat(name)
		if err != nil {
			return err
		}
		if fi.Mode()&fs.ModeSymlink != 0 && !o.has('l') && !o.has('d') {
			if to, err := os.Stat(name); err == nil {
				fi = to
			}
		}
		if fi.IsDir() && !o.has('d') {
			dirs = append(dirs, name)
			return nil
		}
		return show(o, name, name, fi)
	})
	for _, dir := range dirs {
		if more := listDir(o, dir, len(names) > 1 || o.has('R')); err == nil {
			err = more
		}
	}
	return err
}

func listDir(o options, dir string, titled bool) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if titled {
		fmt.Printf("%s:\n", dir)
	}
	if o.has('a') {
		for _, dot := range []string{".", ".."} {
			fi, err := os.Lstat(filepath.Join(dir, dot))
			if err != nil {
				return err
			}
			if err := show(o, dot, filepath.Join(dir, dot), fi); err != nil {
				return err
			}
		}
	}
	var below []string
	for _, d := range list {
		if strings.HasPrefix(d.Name(), ".") && !o.has('a') && !o.has('A') {
			continue
		}
		path := filepath.Join(dir, d.Name())
		fi, err := d.Info()
		if err != nil {
			return err
		}
		if err := show(o, d.Name(), path, fi); err != nil {
			return err
		}
		if d.IsDir() {
			below = append(below, path)
		}
	}
	if !o.has('R') {
		return nil
	}
	for _, path := range below {
		fmt.Println()
		if err := listDir(o, path, true); err != nil {
			return err
		}
	}
	return nil
}

func show(o options, name, path string, fi fs.FileInfo) error {
	st := fi.Sys().(*syscall.Stat_t)
	if o.has('i') {
		fmt.Printf("%d ", st.Ino)
	}
	if !o.has('l') && !o.has('n') {
		_, err := fmt.Println(name)
		return err
	}
	size := strconv.FormatInt(fi.Size(), 10)
	if fi.Mode()&fs.ModeDevice != 0 {
		size = fmt.Sprintf("%d, %d", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))
	}
	if fi.Mode()&fs.ModeSymlink != 0 {
		to, err := os.Readlink(path)
		if err != nil {
			return err
		}
		name += " -> " + to
	}
	format := "Jan _2 2006"
	if o.has('T') {
		format = "Jan _2 15:04:05 2006"
	}
	owner, group := owners(st, o.has('n'))
	_, err := fmt.Printf("%s %2d %-8s %-8s %8s %s %s\n",
		longMode(fi.Mode()), st.Nlink, owner, group, size, fi.ModTime().UTC().Format(format), name)
	return err
}

func owners(st *syscall.Stat_t, numeric bool) (string, string) {
	uid, gid := strconv.Itoa(int(st.Uid)), strconv.Itoa(int(st.Gid))
	if numeric {
		return uid, gid
	}
	owner, group := uid, gid
	if u, err := user.LookupId(uid); err == nil {
		owner = u.Username
	}
	if g, err := user.LookupGroupId(gid); err == nil {
		group = g.Name
	}
	return owner, group
}

// longMode is "drwxr-sr-t".
func longMode(m fs.FileMode) string {
	kinds := []struct {
		mode   fs.FileMode
		letter byte
	}{
		{fs.ModeDir, 'd'},
		{fs.ModeSymlink, 'l'},
		{fs.ModeNamedPipe, 'p'},
		{fs.ModeSocket, 's'},
		{fs.ModeCharDevice, 'c'},
		{fs.ModeDevice, 'b'},
	}
	text := []byte("-rwxrwxrwx")
	for _, k := range kinds {
		if m&k.mode != 0 {
			text[0] = k.letter
			break
		}
	}
	for i := range 9 {
		if m&(1<<(8-i)) == 0 {
			text[i+1] = '-'
		}
	}
	for i, letter := range []byte("sst") {
		if at := 3 * (i + 1); m&specials[i].mode != 0 {
			if text[at] == '-' {
				letter -= 'a' - 'A'
			}
			text[at] = letter
		}
	}
	return string(text)
}
