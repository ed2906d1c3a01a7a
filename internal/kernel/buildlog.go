package kernel

import (
	"fmt"
	"io"
	"strings"
)

// A BuildError says where a build stopped.
type BuildError struct {
	Step string   // the last step that build.sh announced
	Tail []string // the last lines of its output
	Err  error
}

// Error implements error. It quotes the line that tells most.
func (e *BuildError) Error() string {
	s := "build.sh"
	if e.Step != "" {
		s += " (" + e.Step + ")"
	}
	if line := e.telling(); line != "" {
		return fmt.Sprintf("%s: %v: %s", s, e.Err, line)
	}
	return fmt.Sprintf("%s: %v", s, e.Err)
}

// Unwrap returns Err.
func (e *BuildError) Unwrap() error { return e.Err }

// telling returns the first line of the tail that names an error: make's own
// come after it.
func (e *BuildError) telling() string {
	for _, mark := range []string{"rror:", "ERROR", "***"} {
		for _, l := range e.Tail {
			if strings.Contains(l, mark) {
				return strings.TrimSpace(l)
			}
		}
	}
	return ""
}

const (
	maxTail     = 40   // lines that are kept
	maxLogLine  = 4096 // bytes of a line that are looked at
	stepMark    = "===> "
	kernelsMark = "Kernels built from "
)

// buildLog is build.sh's output: it goes to the log, and is looked through
// for steps and results.
type buildLog struct {
	log      io.Writer
	progress func(step string)
	line     []byte
	tail     []string
	step     string
	kernels  []string
}

// Write implements io.Writer.
func (l *buildLog) Write(p []byte) (int, error) {
	for _, c := range p {
		if c == '\n' {
			l.flush()
		} else if len(l.line) < maxLogLine {
			l.line = append(l.line, c)
		}
	}
	if l.log == nil {
		return len(p), nil
	}
	return l.log.Write(p)
}

// flush takes in a line.
func (l *buildLog) flush() {
	line := strings.TrimRight(string(l.line), "\r")
	if l.line = l.line[:0]; line == "" {
		return
	}
	if l.tail = append(l.tail, line); len(l.tail) > maxTail {
		l.tail = l.tail[1:]
	}
	step, ok := strings.CutPrefix(line, stepMark)
	if !ok {
		return
	}
	if path := strings.TrimLeft(step, " \t"); isKernelPath(path) {
		l.kernels = append(l.kernels, path)
		return
	}
	if step = strings.TrimSpace(step); step == "." || strings.HasPrefix(step, kernelsMark) {
		return
	}
	if l.step = step; l.progress != nil {
		l.progress(step)
	}
}

// isKernelPath reports whether a step's text is the path of a kernel.
func isKernelPath(s string) bool {
	dir, ok := strings.CutSuffix(s, "/netbsd")
	return ok && len(dir) > 1 && dir[0] == '/' && !strings.ContainsAny(dir, " \t")
}
