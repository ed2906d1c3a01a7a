package ship

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// smolBSD turns a definition into a script for its builder's shell. What a
// RUN says stands in that between double quotes, so it is expanded there
// before the guest's shell reads it; its labels are make's variables; USER
// makes accounts; INCLUDE takes other files in. All of its definitions rely
// on that, and are named Dockerfile.X as often as SMOLerfile.X.

// isSmol says whether smolBSD's rules hold: by the file's name, its labels,
// or an INCLUDE. What stands in a heredoc is none of these.
func isSmol(path string, src []byte) bool {
	base := filepath.Base(path)
	if stem, _, _ := strings.Cut(base, "."); stem == "SMOLerfile" || strings.HasSuffix(base, ".smol") {
		return true
	}
	parsed, err := parser.Parse(bytes.NewReader(src))
	if err != nil {
		return false // it is refused when it is read
	}
	service, fromSets := false, false
	for _, n := range parsed.AST.Children {
		if strings.EqualFold(n.Value, "INCLUDE") {
			return true
		}
		cmd, err := instructions.ParseInstruction(n)
		if err != nil {
			continue
		}
		switch cmd := cmd.(type) {
		case *instructions.LabelCommand:
			for _, kv := range cmd.Labels {
				key := strings.Trim(kv.Key, `"'`)
				if strings.HasPrefix(key, "smolbsd.") {
					return true
				}
				service = service || key == "service"
			}
		case *instructions.Stage:
			_, ok := sets(cmd.BaseName)
			fromSets = fromSets || ok || strings.HasSuffix(cmd.BaseName, ".img")
		}
	}
	return service && fromSets
}

var (
	runLine    = regexp.MustCompile(`(?i)^\s*RUN\s`)
	hereTag    = regexp.MustCompile(`<<-?\s*['"]?([A-Za-z_][A-Za-z0-9_]*)['"]?`)
	joinedHere = regexp.MustCompile(`([^\s<0-9])(<<-?['"]?([A-Za-z_][A-Za-z0-9_]*)['"]?)`)
)

// separateHeredocs puts a blank before the << of a RUN's here-documents: cat
// >file<<EOF is one for smolBSD as for the shell, but docker's parser wants
// it to be a word. Lines stay where they are.
func separateHeredocs(src []byte) []byte {
	lines := strings.SplitAfter(string(src), "\n")
	last := make(map[string]int) // where each line stands last
	for i, line := range lines {
		last[endTag(line)] = i
	}
	inRun := false
	for i := 0; i < len(lines); i++ {
		if inRun = inRun || runLine.MatchString(lines[i]); !inRun {
			continue
		}
		lines[i] = joinedHere.ReplaceAllStringFunc(lines[i], func(m string) string {
			parts := joinedHere.FindStringSubmatch(m)
			if last[parts[3]] <= i {
				return m
			}
			return parts[1] + " " + parts[2]
		})
		if inRun = strings.HasSuffix(strings.TrimRight(lines[i], " \t\r\n"), `\`); inRun {
			continue
		}
		for _, m := range hereTag.FindAllStringSubmatch(lines[i], 20) {
			if last[m[1]] <= i {
				continue
			}
			for i++; endTag(lines[i]) != m[1]; i++ {
			}
		}
	}
	return []byte(strings.Join(lines, ""))
}

// endTag is the tag that a line would end a here-document by.
func endTag(line string) string {
	return strings.TrimLeft(strings.TrimRight(line, "\r\n"), "\t")
}

// smolArg reads ARG NAME=$(command …), of which docker's parser makes several
// words.
func (e *evaluator) smolArg() (name, value string, ok bool) {
	rest := e.in.rest()
	if !e.def.smol || !strings.Contains(rest, "$(") {
		return "", "", false
	}
	name, value, ok = strings.Cut(rest, "=")
	if ok = ok && !strings.ContainsAny(name, " \t$\"'"); ok && len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1]
	}
	return name, value, ok
}

// argDefault expands the default of an ARG. A command in it is left for the
// guest's shell, if a RUN names the variable.
func (e *evaluator) argDefault(word string) (string, error) {
	if e.def.smol && strings.Contains(word, "$(") {
		return e.substitute(word, false)
	}
	return e.words().one(word)
}

// smolCommand does to a RUN what smolBSD's double quotes do: the variables of
// ENV and ARG are replaced, even in single quotes, and a backslash before $,
// ` and \ is taken off. Other variables and $(…) are left to the guest, where
// they are meant to be, too.
func (e *evaluator) smolCommand(text string) (string, error) {
	if !e.def.smol {
		return text, nil
	}
	return e.substitute(text, true)
}

const maxScript = 1 << 20 // bytes of a RUN's text

// substitute replaces the variables that the stage has set, and takes
// backslashes off if it is told to.
func (e *evaluator) substitute(text string, unescape bool) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case unescape && c == '\\' && i+1 < len(text) && strings.IndexByte("$`\\", text[i+1]) >= 0:
			b.WriteByte(text[i+1])
			i += 2
		case c == '$':
			value, n := e.reference(text[i:])
			b.WriteString(value)
			i += n
		default:
			b.WriteByte(c)
			i++
		}
		if b.Len() > maxScript {
			return "", fmt.Errorf("it expands to more than %d KiB", maxScript>>10)
		}
	}
	return b.String(), nil
}

var reference = regexp.MustCompile(`^\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)[^A-Za-z0-9_])`)

// reference returns what the $ at the start of text stands for, and how many
// bytes of text that is. It stands for itself where the variable isn't ours.
func (e *evaluator) reference(text string) (string, int) {
	m := reference.FindStringSubmatch(text[:min(len(text), 256)])
	if m == nil || !e.declared[m[1]+m[2]] {
		return "$", 1
	}
	if m[1] != "" {
		return e.vars[m[1]], len(m[0])
	}
	end := closing(text[:min(len(text), 4096)])
	if end < 0 {
		return "$", 1
	}
	w := e.words()
	w.escape = '\\'
	value, err := w.one(text[:end+1])
	if err != nil {
		return "$", 1 // of a form that only a shell knows
	}
	return value, end + 1
}

// closing returns where the } of the ${ at the start of text is, or -1.
func closing(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case strings.HasPrefix(text[i:], "${"):
			depth++
		case text[i] == '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
