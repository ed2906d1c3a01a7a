package main

import "strings"

// builtin is a command that the shell has, as a program.
func builtin(name string, args []string) error {
	s, err := newShell(append([]string{"--"}, args...))
	if err != nil {
		return err
	}
	return s.script(strings.NewReader(name+` "$@"`), name, false)
}

func bracket(args []string) error { return builtin("[", args) }
func echo(args []string) error    { return builtin("echo", args) }
func printf(args []string) error  { return builtin("printf", args) }
func pwd(args []string) error     { return builtin("pwd", args) }
func test(args []string) error    { return builtin("test", args) }
