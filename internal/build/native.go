package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"

	"github.com/fakecracker/fakecracker/internal/makedev"
	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// A native is a step that needs no guest: its command does what we can do on
// the tree ourselves.
type native struct {
	tree *tree.Tree
	run  ship.Run
	arch string // of a NetBSD tree
	time time.Time
	why  string
	out  io.Writer // receives what the command prints

	warnings []string
	failed   error // to put files into the tree, which shells are silent about
	refused  error // of the last file that could not be opened
}

// nativeTime bounds what a native step may take; it only prints.
const nativeTime = 5 * time.Second

// isNative reports whether the step needs no guest of the system os.
func isNative(r ship.Run, os string) bool {
	if !r.Shell || !forShell(r.Args) || !byRoot(r) {
		return false
	}
	text := r.Args[len(r.Args)-1]
	if _, ok := makedev.Recognise(text); ok {
		return os == "netbsd"
	}
	f, err := parsePOSIX(text)
	return err == nil && printsOnly(f) // else the guest's own shell will say what is wrong
}

// shells are those whose echo, printf and redirections are POSIX's.
var shells = []string{"sh", "ash", "bash", "dash", "ksh", "mksh"}

// forShell reports whether the last of the arguments is text for a shell that
// does nothing else than to run it.
func forShell(args []string) bool {
	if len(args) < 3 || !slices.Contains(shells, path.Base(args[0])) {
		return false
	}
	for _, a := range args[1 : len(args)-1] {
		if !slices.Contains([]string{"-c", "-e", "-u", "-ec", "-uc", "-euc", "-o", "pipefail"}, a) {
			return false
		}
	}
	return strings.HasSuffix(args[len(args)-2], "c")
}

func parsePOSIX(text string) (*syntax.File, error) {
	return syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(text), "")
}

// do carries out a step that isNative.
func (n *native) do(ctx context.Context) error {
	text := n.run.Args[len(n.run.Args)-1]
	if targets, ok := makedev.Recognise(text); ok {
		return n.makeDevices(targets)
	}
	f, err := parsePOSIX(text)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, nativeTime)
	defer cancel()
	return n.print(ctx, f)
}

// makeDevices does what MAKEDEV(8) does: it warns of devices that it doesn't
// know, and goes on.
func (n *native) makeDevices(targets []string) error {
	var known []string
	for _, t := range targets {
		_, err := makedev.Nodes(n.arch, []string{t})
		if errors.Is(err, makedev.ErrUnknown) {
			n.warnings = append(n.warnings, err.Error())
			continue
		}
		known = append(known, t)
	}
	if len(known) == 0 {
		return nil
	}
	return makedev.Add(n.tree, n.arch, known, n.time, n.why)
}

// printsOnly reports whether all that the commands do is to put fixed text
// out or into files, in a way that all shells agree on.
func printsOnly(f *syntax.File) bool {
	only := len(f.Stmts) > 0
	syntax.Walk(f, func(node syntax.Node) bool {
		switch node := node.(type) {
		case nil, *syntax.File, *syntax.Word, *syntax.Lit, *syntax.SglQuoted, *syntax.DblQuoted, *syntax.Comment:
		case *syntax.Stmt:
			only = only && !node.Background && !node.Coprocess && !node.Negated
		case *syntax.BinaryCmd:
			only = only && node.Op == syntax.AndStmt
		case *syntax.Redirect:
			only = only && (node.Op == syntax.RdrOut || node.Op == syntax.AppOut) && node.N == nil && toFile(node.Word)
		case *syntax.CallExpr:
			only = only && printing(node)
		default:
			only = false
		}
		return only
	})
	return only
}

// printing reports whether the command is an echo or printf that all shells
// take alike: echo's backslashes and options are a matter of taste.
func printing(call *syntax.CallExpr) bool {
	if len(call.Assigns) > 0 || len(call.Args) == 0 {
		return false
	}
	args, err := expand.Fields(nil, call.Args...)
	if err != nil || len(args) != len(call.Args) {
		return false
	}
	for _, w := range call.Args {
		if hasPattern(w) {
			return false
		}
	}
	switch args[0] {
	case "echo":
		return !slices.ContainsFunc(args[1:], func(a string) bool { return strings.HasPrefix(a, "-") || strings.Contains(a, `\`) })
	case "printf":
		return len(args) > 1 && plainFormat(args[1], args[2:])
	case "true", ":":
		return true
	}
	return false
}

// toFile reports whether what is redirected to w goes to a file that a tree
// can have, and not to a device.
func toFile(w *syntax.Word) bool {
	name, err := expand.Literal(nil, w)
	return err == nil && name != "" && !hasPattern(w) && !strings.HasSuffix(name, "/") && !strings.Contains(path.Clean("/"+name)+"/", "/dev/")
}

// hasPattern reports whether a part of the word that is not quoted may stand
// for names of files or for several words, by the shell.
func hasPattern(w *syntax.Word) bool {
	return slices.ContainsFunc(w.Parts, func(p syntax.WordPart) bool {
		lit, ok := p.(*syntax.Lit)
		return ok && strings.ContainsAny(lit.Value, "*?[~{")
	})
}

// plainFormat reports whether printf(1) has a format of nothing but text, the
// usual escapes, %s, %d and %%, and at most as many arguments as that names.
// What is for a %d is a plain decimal number: shells differ in what else is.
func plainFormat(format string, args []string) bool {
	if strings.HasPrefix(format, "-") {
		return false
	}
	rest := strings.NewReplacer("%%", ".", `\n`, ".", `\r`, ".", `\t`, ".", `\\`, ".").Replace(format)
	for {
		before, after, ok := strings.Cut(rest, "%")
		if strings.Contains(before, `\`) {
			return false
		}
		if !ok {
			return len(args) == 0
		}
		if len(args) == 0 || after == "" || after[0] != 's' && (after[0] != 'd' || !decimal.MatchString(args[0])) {
			return false
		}
		rest, args = after[1:], args[1:]
	}
}

var decimal = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,17})$`)

// maxPrinted bounds what native steps write, in bytes.
const maxPrinted = 16 << 20

// print runs the commands, with the tree's files in place of the host's.
func (n *native) print(ctx context.Context, f *syntax.File) error {
	r, err := interp.New(
		interp.Env(expand.ListEnviron()),
		interp.StdIO(nil, n.out, n.out),
		interp.OpenHandler(n.open),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc {
			return func(_ context.Context, args []string) error { return fmt.Errorf("%s is no command of ours", args[0]) }
		}),
	)
	if err != nil {
		return err
	}
	err = r.Run(ctx, f)
	if n.failed == nil && err != nil && n.refused != nil {
		return n.refused
	}
	return errors.Join(err, n.failed)
}

// open opens a file of the tree for writing.
func (n *native) open(_ context.Context, name string, flag int, _ os.FileMode) (io.ReadWriteCloser, error) {
	if !path.IsAbs(name) {
		name = path.Join("/", n.run.Dir, name)
	}
	p, err := n.tree.Resolve(path.Clean(name))
	if err != nil {
		return nil, err
	}
	if p == "/" {
		return nil, n.refuse(name, fmt.Sprintf("it is a %s", tree.Dir))
	}
	if up, err := n.tree.Lookup(path.Dir(p)); path.Dir(p) != "/" && (err != nil || up.Type != tree.Dir) {
		return nil, n.refuse(name, "there is no folder "+path.Dir(p))
	}
	w := &treeFile{native: n, entry: tree.NewFile(p, 0o644, nil, n.time, n.why)}
	old, err := n.tree.Lookup(p)
	switch {
	case err != nil:
		return w, nil
	case old.Type != tree.File:
		return nil, n.refuse(name, fmt.Sprintf("it is a %s", old.Type))
	}
	w.entry.Path, w.entry.Mode, w.entry.UID, w.entry.GID = old.Path, old.Mode, old.UID, old.GID
	if flag&os.O_APPEND != 0 {
		text, err := n.tree.ReadFile(p, maxPrinted)
		if err != nil {
			return nil, err
		}
		w.Buffer.Write(text)
	}
	return w, nil
}

// refuse returns why a file can't be written to, in the form that makes a
// shell say so and go on with the next command.
func (n *native) refuse(name, why string) error {
	n.refused = &fs.PathError{Op: "cannot create", Path: name, Err: errors.New(why)}
	return n.refused
}

// treeFile is a file of a tree that is being written.
type treeFile struct {
	*native
	bytes.Buffer
	entry tree.Entry
}

// Write adds to the file, up to a limit.
func (w *treeFile) Write(b []byte) (int, error) {
	if w.Len()+len(b) > maxPrinted {
		return 0, errors.New("file too large")
	}
	return w.Buffer.Write(b)
}

// Close puts the file into the tree.
func (w *treeFile) Close() error {
	err := w.put()
	w.failed = errors.Join(w.failed, err)
	return err
}

func (w *treeFile) put() error {
	e := tree.NewFile(w.entry.Path, w.entry.Mode, bytes.Clone(w.Bytes()), w.time, w.why)
	e.UID, e.GID = w.entry.UID, w.entry.GID
	if old, ok := w.native.tree.Get(e.Path); ok && old.Type == tree.File {
		return w.native.tree.Rewrite(e)
	}
	return w.native.tree.Put(e)
}
