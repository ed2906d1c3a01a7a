package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// shell is one sh(1): an interpreter, and the places of its script from which
// a command may take the shell's place, since nothing comes after it.
type shell struct {
	runner *interp.Runner
	last   map[syntax.Pos]bool
}

// sh is sh(1): a command text with -c, a script, or its standard input.
func sh(args []string) error {
	set, text, isText, rest, err := shellArgs(args)
	if err != nil {
		return err
	}
	name, script := "sh", io.Reader(os.Stdin)
	switch {
	case isText:
		script = strings.NewReader(text)
		if len(rest) > 0 {
			name, rest = rest[0], rest[1:]
		}
	case len(rest) > 0:
		f, err := os.Open(rest[0])
		if err != nil {
			return err
		}
		defer f.Close()
		name, script, rest = rest[0], f, rest[1:]
	}
	s, err := newShell(append(append(set, "--"), rest...))
	if err != nil {
		return err
	}
	if script == os.Stdin && term.IsTerminal(0) {
		return s.interactive()
	}
	return s.script(script, name, isText)
}

// shellArgs takes sh's arguments apart: the options of set, the text of -c,
// and what is behind.
func shellArgs(args []string) (set []string, text string, isText bool, rest []string, err error) {
	for len(args) > 0 && len(args[0]) > 1 && (args[0][0] == '-' || args[0][0] == '+') {
		word := args[0]
		args = args[1:]
		if word == "--" {
			break
		}
		for _, letter := range word[1:] {
			switch {
			case letter == 'c':
				isText = true
			case strings.ContainsRune("ils", letter): // interactive, login, standard input: found out
			case strings.ContainsRune("aefnux", letter):
				set = append(set, word[:1]+string(letter))
			case letter == 'o' && len(args) > 0:
				set, args = append(set, word[:1]+"o", args[0]), args[1:]
			default:
				return nil, "", false, nil, fmt.Errorf("unknown option -%c", letter)
			}
		}
	}
	if isText {
		if len(args) == 0 {
			return nil, "", false, nil, errors.New("-c requires an argument")
		}
		text, args = args[0], args[1:]
	}
	return set, text, isText, args, nil
}

func newShell(params []string) (*shell, error) {
	s := &shell{last: map[syntax.Pos]bool{}}
	r, err := interp.New(
		interp.Params(params...),
		interp.StdIO(os.Stdin, os.Stdout, os.Stderr),
		interp.CallHandler(s.call),
		interp.ExecHandlers(s.exec),
	)
	s.runner = r
	return s, err
}

// background is how long a script's end waits for commands that it has put
// into the background to be started: here they are started by the shell's own
// threads, which end with it.
const background = 200 * time.Millisecond

func (s *shell) script(text io.Reader, name string, isText bool) error {
	file, err := syntax.NewParser().Parse(bufio.NewReader(text), name)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exit(2)
	}
	s.findLast(file, isText)
	err = s.runner.Run(context.Background(), file)
	if hasBackground(file) {
		time.Sleep(background)
	}
	return shellStatus(err)
}

func (s *shell) interactive() error {
	parser := syntax.NewParser()
	fmt.Print(prompt())
	var last error
	for stmts, err := range parser.InteractiveSeq(os.Stdin) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return exit(2)
		}
		if parser.Incomplete() {
			fmt.Print("> ")
			continue
		}
		for _, stmt := range stmts {
			last = s.runner.Run(context.Background(), stmt)
			if s.runner.Exited() {
				return shellStatus(last)
			}
		}
		fmt.Print(prompt())
	}
	return shellStatus(last)
}

func prompt() string {
	if os.Geteuid() == 0 {
		return "# "
	}
	return "$ "
}

func shellStatus(err error) error {
	if code, ok := errors.AsType[interp.ExitStatus](err); ok {
		return exit(code)
	}
	return err
}

// call takes the place of builtins that the interpreter knows by name only.
func (s *shell) call(ctx context.Context, args []string) ([]string, error) {
	switch args[0] {
	case "umask":
		return umask(interp.HandlerCtx(ctx).Stderr, args[1:]), nil
	case "ulimit", "fc", "newgrp":
		return []string{"true"}, nil
	case "kill":
		return append([]string{"/bin/kill"}, args[1:]...), nil
	}
	return args, nil
}

// umask sets the mask, or is the command that prints it.
func umask(stderr io.Writer, args []string) []string {
	if len(args) == 0 {
		return []string{"printf", `%04o\n`, strconv.Itoa(readUmask())}
	}
	mask, err := strconv.ParseUint(args[0], 8, 9)
	if err != nil {
		fmt.Fprintf(stderr, "umask: illegal mask %q\n", args[0])
		return []string{"false"}
	}
	setUmask(int(mask))
	return []string{"true"}
}
