package ship

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// runCommand takes a RUN.
func (e *evaluator) runCommand(cmd *instructions.RunCommand) (Step, error) {
	r := &Run{User: e.cfg.User, Dir: e.cfg.WorkDir, Env: e.runEnv()}
	if !cmd.PrependShell {
		if len(cmd.CmdLine) == 0 || cmd.CmdLine[0] == "" {
			return Step{}, errors.New("RUN []: the command is empty")
		}
		r.Args = cmd.CmdLine
		return Step{Run: r}, nil
	}
	if len(cmd.CmdLine) != 1 || strings.TrimSpace(cmd.CmdLine[0]) == "" {
		return Step{}, errors.New("RUN: the command is missing")
	}
	text, err := e.smolCommand(script(cmd.CmdLine[0], cmd.Files))
	if err != nil {
		return Step{}, err
	}
	r.Args, r.Shell = append(e.shell(), text), true
	return Step{Run: r}, nil
}

// script is the text that the shell gets. RUN <<EOF is a script of its own;
// a here-document behind a command is for the shell to read.
func script(command string, files []instructions.ShellInlineFile) string {
	if len(files) == 0 {
		return command
	}
	if parser.MustParseHeredoc(command) == nil {
		for _, f := range files {
			command += "\n" + f.Data + f.Name
		}
		return command
	}
	f := files[0]
	if f.Chomp {
		f.Data = parser.ChompHeredocContent(f.Data)
	}
	if strings.HasPrefix(f.Data, "#!") {
		return interpreted(f)
	}
	return f.Data
}

// interpreted has a script with a #! line read by its interpreter: through a
// descriptor, since there is no file to run, and the standard input stays
// free.
func interpreted(f instructions.ShellInlineFile) string {
	line, _, _ := strings.Cut(f.Data[2:], "\n")
	interpreter, arg, _ := strings.Cut(strings.TrimSpace(line), " ")
	command := "exec " + singleQuoted(interpreter)
	if arg = strings.TrimSpace(arg); arg != "" {
		command += " " + singleQuoted(arg)
	}
	if f.Data[len(f.Data)-1] != '\n' {
		f.Data += "\n"
	}
	return fmt.Sprintf("%s /dev/fd/9 9<<%s\n%s%s", command, singleQuoted(f.Name), f.Data, f.Name)
}

// singleQuoted quotes a word for the shell.
func singleQuoted(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// runEnv is the environment of a RUN: ENV and ARG, and the proxies that were
// given without an ARG.
func (e *evaluator) runEnv() []string {
	env := slices.Clone(e.environ)
	for _, upper := range proxies {
		for _, name := range []string{upper, strings.ToLower(upper)} {
			if _, declared := e.vars[name]; declared {
				continue
			}
			if value, ok := e.def.build[name]; ok {
				env = append(env, name+"="+value)
			}
		}
	}
	return env
}
