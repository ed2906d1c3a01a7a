package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// each runs f for every operand, and goes on where one fails.
func each(names []string, f func(string) error) error {
	var failed bool
	for _, name := range names {
		if err := f(name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			failed = true
		}
	}
	if failed {
		return exit(1)
	}
	return nil
}

// input opens the file, or standard input for "-".
func input(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	return os.Open(name)
}

func operands(names []string) []string {
	if len(names) == 0 {
		return []string{"-"}
	}
	return names
}

func cat(args []string) error {
	o, err := getopt(args, "u")
	if err != nil {
		return err
	}
	return each(operands(o.rest), func(name string) error {
		f, err := input(name)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(os.Stdout, f)
		return err
	})
}

// into is where a file gets when it is copied, moved or linked to dest.
func into(source, dest string) string {
	if fi, err := os.Stat(dest); err == nil && fi.IsDir() {
		return filepath.Join(dest, filepath.Base(source))
	}
	return dest
}

// sourcesAndDest are the operands of cp, mv and ln.
func sourcesAndDest(o options) ([]string, string, error) {
	if err := o.want(2, -1); err != nil {
		return nil, "", err
	}
	n := len(o.rest) - 1
	if fi, err := os.Stat(o.rest[n]); n > 1 && (err != nil || !fi.IsDir()) {
		return nil, "", fmt.Errorf("%s: not a folder", o.rest[n])
	}
	return o.rest[:n], o.rest[n], nil
}

func cp(args []string) error {
	o, err := getopt(args, "afNPpRrv")
	if err != nil {
		return err
	}
	sources, dest, err := sourcesAndDest(o)
	if err != nil {
		return err
	}
	tree := o.has('R') || o.has('r') || o.has('a')
	keep := o.has('p') || o.has('a')
	return each(sources, func(s string) error { return copyAll(s, into(s, dest), tree, keep) })
}

// copyAll copies a file, or a folder with all in it.
func copyAll(from, to string, tree, keep bool) error {
	look := os.Stat
	if tree {
		look = os.Lstat
	}
	fi, err := look(from)
	switch {
	case err != nil:
		return err
	case fi.IsDir() && !tree:
		return fmt.Errorf("%s is a folder (not copied)", from)
	case fi.IsDir():
		if err := os.MkdirAll(to, fi.Mode().Perm()|0o700); err != nil {
			return err
		}
		list, err := os.ReadDir(from)
		if err != nil {
			return err
		}
		for _, d := range list {
			if err := copyAll(filepath.Join(from, d.Name()), filepath.Join(to, d.Name()), tree, keep); err != nil {
				return err
			}
		}
	case fi.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	default:
		if err := copyFile(from, to, fi.Mode().Perm()); err != nil {
			return err
		}
	}
	if keep {
		return keepAttributes(fi, to)
	}
	return nil
}

func copyFile(from, to string, mode fs.FileMode) (err error) {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	_, err = io.Copy(w, r)
	return err
}

// keepAttributes gives the file the owner, mode and time that fi has.
func keepAttributes(fi fs.FileInfo, name string) error {
	uid, gid := ownerOf(fi)
	if err := os.Chown(name, uid, gid); err != nil && os.Geteuid() == 0 {
		return err
	}
	if err := os.Chmod(name, fi.Mode()); err != nil {
		return err
	}
	return os.Chtimes(name, fi.ModTime(), fi.ModTime())
}

func mv(args []string) error {
	o, err := getopt(args, "fiv")
	if err != nil {
		return err
	}
	sources, dest, err := sourcesAndDest(o)
	if err != nil {
		return err
	}
	return each(sources, func(s string) error { return os.Rename(s, into(s, dest)) })
}

func ln(args []string) error {
	o, err := getopt(args, "fhns")
	if err != nil {
		return err
	}
	if len(o.rest) == 1 {
		o.rest = append(o.rest, ".")
	}
	sources, dest, err := sourcesAndDest(o)
	if err != nil {
		return err
	}
	make := os.Link
	if o.has('s') {
		make = os.Symlink
	}
	return each(sources, func(s string) error {
		to := into(s, dest)
		if o.has('h') || o.has('n') {
			to = dest
		}
		if o.has('f') {
			if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return make(s, to)
	})
}

func rm(args []string) error {
	o, err := getopt(args, "dfiPRrvx")
	if err != nil {
		return err
	}
	return each(o.rest, func(name string) error {
		fi, err := os.Lstat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist) && o.has('f'):
			return nil
		case err != nil:
			return err
		case o.has('r') || o.has('R'):
			return os.RemoveAll(name)
		case fi.IsDir() && !o.has('d'):
			return fmt.Errorf("%s: is a folder", name)
		}
		return os.Remove(name)
	})
}

func mkdir(args []string) error {
	o, err := getopt(args, "m:p")
	if err != nil {
		return err
	}
	change, err := parseMode(o.value('m', "+"))
	if err != nil {
		return err
	}
	return each(o.rest, func(name string) error {
		make := os.Mkdir
		if o.has('p') {
			make = os.MkdirAll
		}
		if err := make(name, 0o777); err != nil || !o.has('m') {
			return err
		}
		return os.Chmod(name, change(fs.ModeDir|0o777))
	})
}

func rmdir(args []string) error {
	o, err := getopt(args, "p")
	if err != nil {
		return err
	}
	return each(o.rest, func(name string) error {
		for {
			fi, err := os.Lstat(name)
			if err == nil && !fi.IsDir() {
				err = fmt.Errorf("%s: not a folder", name)
			}
			if err == nil {
				err = os.Remove(name)
			}
			if name = filepath.Dir(name); err != nil || !o.has('p') || name == "." || name == "/" {
				return err
			}
		}
	})
}

func touch(args []string) error {
	o, err := getopt(args, "acd:m")
	if err != nil {
		return err
	}
	when := time.Now()
	if text, ok := strings.CutPrefix(o.value('d', ""), "@"); ok {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		when = time.Unix(seconds, 0)
	}
	return each(o.rest, func(name string) error {
		if !o.has('c') {
			f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o666)
			if err != nil {
				return err
			}
			if err := f.Close(); err != nil {
				return err
			}
		}
		return os.Chtimes(name, when, when)
	})
}

func baseName(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: basename string [suffix]")
	}
	name := filepath.Base(args[0])
	if len(args) > 1 && name != args[1] {
		name = strings.TrimSuffix(name, args[1])
	}
	fmt.Println(name)
	return nil
}

func dirName(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: dirname string")
	}
	fmt.Println(filepath.Dir(args[0]))
	return nil
}
