// Package cli is the command line: it turns arguments into calls of the other
// rooms, and what they return into text for people, or JSON for programs.
//
// The result goes to standard output; progress, notices and errors go to
// standard error. A command is one file: a constructor that declares its
// flags in an options struct, and a run function.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes. Those from 125 on are what docker run uses.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // the user interrupted it
	exitPipe        = 141 // who read the output wants no more: 128 and SIGPIPE
	exitRun         = 125 // run: the VM could not be started, or was lost
	exitNotExec     = 126 // run: the service's program can't be executed
	exitNotFound    = 127 // run: the service's program is not there
)

// An app is what every command has: where to read and write, and where the
// state is.
type app struct {
	in     io.Reader
	out    io.Writer
	err    io.Writer
	getenv func(string) string

	interrupts *interrupts
	verbose    bool // tell what is of no concern to most
}

// Main runs the command that args name and returns the exit code.
func Main(ctx context.Context, args []string, in io.Reader, out, errw io.Writer) int {
	a := &app{in: in, out: out, err: errw, getenv: os.Getenv, interrupts: watchInterrupts()}
	defer a.interrupts.close()
	ctx, cancel := a.interrupts.context(ctx)
	defer cancel()
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errw)
	err := interrupted(ctx, root.ExecuteContext(ctx))
	if isBrokenPipe(err) {
		return exitPipe
	}
	if text := oneLine(err); text != "" {
		fmt.Fprintf(errw, "fakecracker: %s\n", text)
	}
	return exitCode(err)
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "fakecracker",
		Short: "NetBSD and Linux microVMs from a small description of a service",
		Long: `Fakecracker turns a ship, a small description of a service, into a microVM:
a root disk that holds only what the service needs, under a small kernel that
QEMU starts directly. It needs no root and no NetBSD host.`,
		Example: `  fakecracker run -p 8080:80 --guest linux examples/nginx
  fakecracker kernel ls
  fakecracker doctor`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          verbOnly,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			return errors.Join(a.checkSourceDate(), a.takeServers(c))
		},
		RunE: showHelp,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%v; see %s --help", err, c.CommandPath())
	})
	root.PersistentFlags().BoolVarP(&a.verbose, "verbose", "v", false, "tell more of what goes on")
	root.AddGroup(
		&cobra.Group{ID: "vm", Title: "MicroVMs:"},
		&cobra.Group{ID: "image", Title: "Images:"},
		&cobra.Group{ID: "kernel", Title: "Kernels:"},
		&cobra.Group{ID: "disk", Title: "Disks:"},
		&cobra.Group{ID: "host", Title: "This host:"},
	)
	root.AddCommand(
		newRun(a),
		newInit(a),
		newBuild(a),
		newDemo(a),
		newImage(a),
		newPull(a),
		newSave(a),
		newLoad(a),
		newKernel(a),
		newDisk(a),
		newMakefs(a),
		newDoctor(a),
		newVersion(a),
	)
	return root
}

// isBrokenPipe reports whether who read the output wants no more, as in
// `… | head`: other programs end by a signal then, without a word.
func isBrokenPipe(err error) bool {
	var p *fs.PathError
	return errors.As(err, &p) && p.Path == os.Stdout.Name() && errors.Is(p.Err, syscall.EPIPE)
}

// checkSourceDate refuses a SOURCE_DATE_EPOCH that says nothing: what it is
// set for would not hold.
func (a *app) checkSourceDate() error {
	v := a.getenv("SOURCE_DATE_EPOCH")
	if _, err := strconv.ParseInt(v, 10, 64); v != "" && err != nil {
		return usagef("SOURCE_DATE_EPOCH is %q: want seconds since 1970, or unset it", v)
	}
	return nil
}

// interrupted returns why ctx ended, if an error came after it has, else err.
func interrupted(ctx context.Context, err error) error {
	var code *exitError
	if cause := context.Cause(ctx); err != nil && cause != nil && (errors.Is(err, cause) || !errors.As(err, &code)) {
		return cause
	}
	return err
}

// logger tells a user who wants to know more; others nothing.
func (a *app) logger() *slog.Logger {
	if !a.verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(a.err, nil))
}

// An exitError carries the exit code that an error ends the program with.
type exitError struct {
	code int
	err  error // nil: nothing is left to say
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usagef makes an error that ends with exit code 2.
func usagef(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// withCode gives err the exit code, unless it has one already.
func withCode(code int, err error) error {
	var e *exitError
	if err == nil || errors.As(err, &e) {
		return err
	}
	return &exitError{code, err}
}

func exitCode(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
		return e.code
	default:
		return exitFailed
	}
}

// oneLine returns the error's text as one line: what joined errors put on
// several is one sentence after the other here. It may have names in it that
// come from a disk image or a download, so it can't command a terminal.
func oneLine(err error) string {
	if err == nil {
		return ""
	}
	var lines []string
	for l := range strings.Lines(err.Error()) {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	return printable(strings.Join(lines, "; "))
}

// verbOnly is the Args of a command that has only subcommands.
func verbOnly(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return unknownCommand(c, args[0])
	}
	return nil
}

// showHelp is the RunE of such a command.
func showHelp(c *cobra.Command, _ []string) error { return c.Help() }

// unknownCommand names what was typed, and what may have been meant.
func unknownCommand(c *cobra.Command, typed string) error {
	c.SuggestionsMinimumDistance = 2 // the default is set on a path of cobra that we do not take
	if near := c.SuggestionsFor(typed); len(near) > 0 {
		return usagef("unknown command %q (did you mean %q?); see %s --help", typed, near[0], c.CommandPath())
	}
	return usagef("unknown command %q; see %s --help", typed, c.CommandPath())
}

// exactArgs returns a check that a command has n arguments, which its usage
// line names.
func exactArgs(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return usagef("%s needs %s: %s", c.CommandPath(), plural(n), c.UseLine())
		}
		return nil
	}
}

func plural(n int) string {
	switch n {
	case 0:
		return "no arguments"
	case 1:
		return "one argument"
	}
	return fmt.Sprintf("%d arguments", n)
}
