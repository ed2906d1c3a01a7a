package ship

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/fakecracker/fakecracker/internal/image"
)

// Options say what a ship's definition may know about the outside. The zero
// value is the strictest.
type Options struct {
	// Guest is what the user asked for, over what the definition says:
	// uname answers by it, and programs for another guest are refused.
	Guest image.Guest
	// Home is what ${HOME} stands for.
	Home string
	// Environ holds further variables (K=V) that the definition may use.
	Environ []string
	// File is the definition, where the path is that of a build context:
	// relative to the current folder, else to that path.
	File string
	// Target is the stage of a Dockerfile to build, by its name or number;
	// "" is the last.
	Target string
	// BuildArgs are values for the ARGs of a Dockerfile.
	BuildArgs map[string]string
	// AllowHostCommands lets the definition run programs of this host, as
	// sailor does. Without it they are refused, each with its line.
	AllowHostCommands bool
}

// maxFile bounds a definition, in bytes: it is written by hand.
const maxFile = 256 << 10

var (
	elfMagic = []byte("\x7fELF")
	// byteOrderMark begins the texts of some editors. A shell takes it for a
	// part of the first word.
	byteOrderMark = []byte("\uFEFF")
)

// Load reads the ship at path: a folder with a ship.conf, Dockerfile or
// SMOLerfile in it, one of those files, or a single program. Nothing is written, and nothing is run
// unless the options allow it. Errors in a definition carry file and line.
//
// Besides the variables' lines, Ship.Lines holds "run_at_build[0]" and so on
// for the hooks, which may be repeated.
func Load(ctx context.Context, path string, o Options) (Ship, error) {
	fi, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && !strings.Contains(path, "/") {
		if conf, ok := named(path); ok {
			return loadFile(ctx, conf, filepath.Dir(conf), o)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return Ship{}, fmt.Errorf("no such ship: %s (a folder with a definition, a .conf file, a Dockerfile, or a program)", path)
	}
	if err != nil {
		return Ship{}, fmt.Errorf("load ship: %w", err)
	}
	if fi.IsDir() {
		return loadDir(ctx, path, o)
	}
	if !fi.Mode().IsRegular() {
		return Ship{}, fmt.Errorf("load ship %s: neither a file nor a folder", path)
	}
	if o.File != "" {
		return Ship{}, fmt.Errorf("load ship %s: with -f it has to be the folder of the build context", path)
	}
	return loadFile(ctx, path, filepath.Dir(path), o)
}

// shipFolders are where sailor looks for a definition that is only named:
// below its checkout, and below pkgsrc's sysconfdir.
var shipFolders = []string{"ships", "/usr/pkg/etc/sailor/ships", "/opt/pkg/etc/sailor/ships"}

// named finds the definition that has this name.
func named(name string) (string, bool) {
	for _, folder := range shipFolders {
		for _, end := range []string{"", ".conf"} {
			path := filepath.Join(folder, name+end)
			if fi, err := os.Stat(path); err == nil && fi.Mode().IsRegular() {
				return path, true
			}
		}
	}
	return "", false
}

// loadDir reads the definition in a folder: a ship.conf, else a Dockerfile,
// else a SMOLerfile, or the one that the user named.
func loadDir(ctx context.Context, dir string, o Options) (Ship, error) {
	if o.File != "" {
		return loadFile(ctx, definitionIn(dir, o.File), dir, o)
	}
	var found []string
	for _, name := range []string{"ship.conf", "Dockerfile", "SMOLerfile"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		return Ship{}, fmt.Errorf("load ship %s: no ship.conf, Dockerfile or SMOLerfile in this folder", dir)
	}
	s, err := loadFile(ctx, filepath.Join(dir, found[0]), dir, o)
	if err == nil && len(found) > 1 {
		s.Notes = append(s.Notes, fmt.Sprintf("%s: %s is used, not the %s beside it (-f names another)", dir, found[0], strings.Join(found[1:], " or ")))
	}
	return s, err
}

// definitionIn returns the path of the definition that -f names.
func definitionIn(dir, name string) string {
	if _, err := os.Stat(name); err != nil && !filepath.IsAbs(name) {
		return filepath.Join(dir, name)
	}
	return name
}

// loadFile reads the definition at path. dir is the build context.
func loadFile(ctx context.Context, path, dir string, o Options) (Ship, error) {
	head, err := readHead(path)
	if err != nil {
		return Ship{}, fmt.Errorf("load ship: %w", err)
	}
	if isDockerfile(path) || o.File != "" && looksLikeDockerfile(head) {
		if len(head) > maxFile {
			return Ship{}, fmt.Errorf("load ship %s: over %d KiB, too long for a Dockerfile", path, maxFile>>10)
		}
		return loadDockerfile(ctx, path, dir, head, o)
	}
	if o.Target != "" || len(o.BuildArgs) > 0 {
		return Ship{}, fmt.Errorf("load ship %s: only a Dockerfile or SMOLerfile has stages and build arguments", path)
	}
	switch {
	case bytes.HasPrefix(head, elfMagic):
		return loadProgram(path, o)
	case bytes.IndexByte(head, 0) >= 0:
		return Ship{}, fmt.Errorf("load ship %s: neither a .conf file nor a program (ELF)", path)
	case len(head) > maxFile:
		return Ship{}, fmt.Errorf("load ship %s: over %d KiB, too long for a .conf file", path, maxFile>>10)
	}
	return loadConf(ctx, path, head, o)
}

// readHead returns the file's bytes, but no more than one over maxFile.
func readHead(path string) ([]byte, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	return b, errors.Join(err, f.Close())
}

// openRegular opens a file, and refuses what is none: to open a FIFO would
// wait for who writes to it.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = &fs.PathError{Op: "read", Path: path, Err: errors.New("not a file")}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// isDockerfile goes by the names that docker and smolBSD know.
func isDockerfile(path string) bool {
	base := filepath.Base(path)
	stem, _, _ := strings.Cut(base, ".")
	return stem == "Dockerfile" || stem == "SMOLerfile" || strings.HasSuffix(base, ".smol") || strings.HasSuffix(base, ".Dockerfile")
}

// looksLikeDockerfile says whether the first line that does something is a
// FROM or ARG.
func looksLikeDockerfile(src []byte) bool {
	for line := range bytes.Lines(bytes.TrimPrefix(src, byteOrderMark)) {
		words := bytes.Fields(line)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		return bytes.EqualFold(words[0], []byte("FROM")) || bytes.EqualFold(words[0], []byte("ARG"))
	}
	return false
}

// loadProgram makes a ship of one program, which is all that runs in it.
func loadProgram(path string, o Options) (Ship, error) {
	guest, err := guestOf(path)
	if err != nil {
		return Ship{}, fmt.Errorf("load ship: %w", err)
	}
	if err := agree(guest, o.Guest); err != nil {
		return Ship{}, fmt.Errorf("load ship %s: %w", path, err)
	}
	name := nameOf(path)
	return Ship{
		Name: name, File: path, Dir: filepath.Dir(path), Guest: guest,
		Programs: []Program{{Host: path, Guest: "/usr/bin/" + name}},
		Config:   image.Config{Cmd: []string{"/usr/bin/" + name}},
	}, nil
}

// maxName bounds a ship's name, in bytes: it names folders and images.
const maxName = 128

// validName reports whether a ship may have the name: letters, digits and
// . _ - of which the last three don't come first.
func validName(name string) bool {
	return name != "" && name == nameOf(name)
}

// nameOf makes a ship's name of a program's.
func nameOf(path string) string {
	name := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '-'
	}, filepath.Base(path))
	name = strings.TrimLeft(name, ".-_")
	if name = name[:min(len(name), maxName)]; name == "" {
		return "program"
	}
	return name
}
