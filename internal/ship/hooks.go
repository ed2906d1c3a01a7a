package ship

import (
	"context"
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/interp"
)

// collectHooks reads the run_at_* lines as sailor does, which is not as the
// shell does: they may be repeated, and each is a command of its own. sailor
// greps the file for lines that start with the variable's name, takes them
// by a plain read (which eats one level of backslashes and joins a line that
// ends in one with the next that matches), and has the rest evaluated
// without quotes (which makes one blank of several). So what a double-quoted
// value expands is the host's, and a value ends on its line.
func (c *conf) collectHooks(ctx context.Context, s *shell, src []byte) error {
	lines := strings.Split(string(src), "\n")
	for _, h := range []struct {
		name string
		to   *[]string
	}{
		{"run_at_build", &c.hooks.Build},
		{"run_at_start", &c.hooks.Start},
		{"run_at_stop", &c.hooks.Stop},
		{"run_at_status", &c.hooks.Status},
		{"run_at_destroy", &c.hooks.Destroy},
	} {
		sub := s.runner.Subshell() // sailor's loop is one, too
		for _, l := range grepped(lines, h.name) {
			value, err := c.hook(ctx, s, sub, h.name, l)
			if err != nil {
				return err
			}
			if value == "" {
				continue
			}
			c.lines[fmt.Sprintf("%s[%d]", h.name, len(*h.to))] = l.number
			*h.to = append(*h.to, value)
		}
		if len(*h.to) == 0 && c.vars[h.name] != "" {
			c.note(h.name, "ignored, as sailor ignores it: it has to start at the line's start, in this file")
		}
	}
	return nil
}

// A hookLine is what read makes of a line.
type hookLine struct {
	number int
	text   string
}

// grepped returns the lines that set the variable, without their backslashes.
// sailor's pattern also finds variables whose names are longer; those are not
// meant.
func grepped(lines []string, name string) []hookLine {
	var found []hookLine
	joined := false
	for i, line := range lines {
		if !strings.HasPrefix(line, name+"=") {
			continue
		}
		text, more := unescape(line)
		if joined {
			found[len(found)-1].text += text
		} else {
			found = append(found, hookLine{i + 1, text})
		}
		joined = more
	}
	return found
}

// unescape does what read does to backslashes, and says whether the line ends
// in one.
func unescape(line string) (text string, more bool) {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		if line[i] == '\\' {
			if i++; i == len(line) {
				return b.String(), true
			}
		}
		b.WriteByte(line[i])
	}
	return b.String(), false
}

// hook evaluates one line and returns the value that it gives the variable.
func (c *conf) hook(ctx context.Context, s *shell, sub *interp.Runner, name string, l hookLine) (string, error) {
	words := strings.Fields(l.text)
	text := []byte(strings.Join(words, " "))
	f, err := parse(text, "")
	if err != nil {
		return "", fmt.Errorf("%s:%d: %s: the value must be whole on this line, and survive without the backslashes that sailor eats: %s", c.file, l.number, name, faultOf(err))
	}
	for _, w := range words[min(1, len(words)):] {
		if strings.ContainsAny(w, "*?[") && !strings.ContainsAny(w, `'"$`) {
			c.notes = append(c.notes, fmt.Sprintf("%s:%d: %s: sailor would replace %s by names of the host's files: it is left for the guest to expand", c.file, l.number, name, w))
		}
	}
	if f, err = parse(s.guarded(text, f, place{evals: true}), ""); err != nil {
		return "", fmt.Errorf("%s:%d: %s: %s", c.file, l.number, name, faultOf(err))
	}
	for _, stmt := range f.Stmts {
		if err := s.run(ctx, sub, stmt, l.number); err != nil {
			return "", err
		}
	}
	return sub.Vars[name].Str, nil
}
