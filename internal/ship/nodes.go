package ship

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/fakecracker/fakecracker/internal/spelling"
)

// Limits of INCLUDE.
const (
	maxDepth    = 8
	maxIncludes = 100
	maxIncluded = 1 << 20 // bytes of all files
)

// verbs are the instructions that we know, for misspelt ones.
var verbs = []string{
	"ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "INCLUDE", "LABEL",
	"MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
}

// verb is the instruction's name.
func (in Instruction) verb() string {
	if in.node == nil {
		return ""
	}
	return strings.ToUpper(in.node.Value)
}

// rest is what stands behind the instruction's name.
func (in Instruction) rest() string {
	text := strings.TrimSpace(in.node.Original)
	if i := strings.IndexAny(text, " \t\v\f\r"); i >= 0 {
		return strings.TrimSpace(text[i:])
	}
	return ""
}

// parse returns the instruction as the parser's own type, of which each call
// makes a new one. What the parser reads and we can't do is refused.
func (in Instruction) parse() (any, error) {
	if in.node == nil {
		return nil, errors.New("this instruction wasn't read from a file")
	}
	verb := in.verb()
	if !slices.Contains(verbs, verb) {
		hint := ""
		if near := spelling.Nearest(verb, verbs); near != "" {
			hint = fmt.Sprintf(" (did you mean %s?)", near)
		}
		return nil, fmt.Errorf("unknown instruction %s%s", quoted(in.node.Value), hint)
	}
	if verb == "ONBUILD" {
		return nil, errors.New("ONBUILD is not supported: write its instruction into the files that build on this one")
	}
	if err := in.checkFlags(); err != nil {
		return nil, err
	}
	parsed, err := instructions.ParseInstruction(in.node)
	if err != nil {
		return nil, oneLine(verb, err)
	}
	return parsed, nil
}

// checkFlags refuses the flags that docker has and we don't.
func (in Instruction) checkFlags() error {
	unsupported := map[string]string{
		"RUN --mount":        "COPY what it needs, and remove it in the same RUN that uses it",
		"RUN --network":      "the network is the build command's to allow",
		"RUN --security":     "a step has a machine of its own, whose root it is",
		"RUN --device":       "a step's machine has no devices of the host",
		"ADD --keep-git-dir": "git repositories are not fetched: clone it, then COPY it",
	}
	for _, flag := range in.node.Flags {
		name, _, _ := strings.Cut(flag, "=")
		if hint, ok := unsupported[in.verb()+" "+name]; ok {
			return fmt.Errorf("%s %s is not supported: %s", in.verb(), name, hint)
		}
	}
	return nil
}

// oneLine words an error of the parser, which names no instruction where the
// flags are wrong.
func oneLine(verb string, err error) error {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if strings.Contains(strings.ToUpper(text), verb) {
		return errors.New(text)
	}
	return fmt.Errorf("%s: %s", verb, text)
}

// quoted shortens what somebody wrote for a message.
func quoted(s string) string {
	if len(s) > 40 {
		s = strings.ToValidUTF8(s[:40], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}

// A reader reads a definition with the files that it includes.
type reader struct {
	file  string // the definition
	smol  bool   // smolBSD's rules hold
	roots []string

	record *record  // of what is read
	open   []string // the files that are being read, in full, each including the next
	count  int      // files
	bytes  int      // of all of them
	notes  []string
}

// read returns the instructions of the file at path, whose text is src, and
// of those that it includes. name is what its instructions are said to stand
// in: "" for the definition itself.
func (r *reader) read(ctx context.Context, path, name string, src []byte) ([]Instruction, error) {
	label := path
	if !utf8.Valid(src) || bytes.IndexByte(src, 0) >= 0 {
		return nil, fmt.Errorf("%s: not a text in UTF-8", label)
	}
	if err := r.enter(path, len(src)); err != nil {
		return nil, err
	}
	defer func() { r.open = r.open[:len(r.open)-1] }()
	src = bytes.TrimPrefix(src, byteOrderMark)
	if r.smol {
		src = separateHeredocs(src)
	}
	if name != "" && isBlank(src) {
		return nil, nil
	}
	parsed, err := parser.Parse(bytes.NewReader(src))
	if err != nil {
		return nil, atLine(label, err)
	}
	r.remark(label, src, parsed.Warnings)
	var all []Instruction
	for _, n := range parsed.AST.Children {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		in := Instruction{Line: n.StartLine, Text: strings.Join(strings.Fields(n.Original), " "), File: name, node: n, escape: parsed.EscapeToken}
		if in.verb() != "INCLUDE" {
			all = append(all, in)
			continue
		}
		more, err := r.include(ctx, path, in)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", label, in.Line, err)
		}
		if all = append(all, more...); len(all) > maxInstructions {
			return nil, fmt.Errorf("%s:%d: more than %d instructions", label, in.Line, maxInstructions)
		}
	}
	return all, nil
}

// enter holds the limits of including.
func (r *reader) enter(path string, size int) error {
	full, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if real, err := filepath.EvalSymlinks(full); err == nil {
		full = real
	}
	r.count++
	r.bytes += size
	switch {
	case slices.Contains(r.open, full):
		return fmt.Errorf("%s includes itself", path)
	case len(r.open) > maxDepth:
		return fmt.Errorf("%s: files that include others are nested more than %d deep", path, maxDepth)
	case r.count > maxIncludes || r.bytes > maxIncluded:
		return fmt.Errorf("%s: more than %d files or %d KiB of them", r.file, maxIncludes, maxIncluded>>10)
	}
	r.open = append(r.open, full)
	return nil
}

// include reads the file that INCLUDE names.
func (r *reader) include(ctx context.Context, from string, in Instruction) ([]Instruction, error) {
	name := in.rest()
	if name == "" || strings.ContainsAny(name, " \t") {
		return nil, errors.New("INCLUDE takes one file")
	}
	path, err := r.find(from, name)
	if err != nil {
		return nil, fmt.Errorf("INCLUDE %s: %w", name, err)
	}
	src, err := readHead(path)
	if err == nil && len(src) > maxFile {
		err = fmt.Errorf("over %d KiB", maxFile>>10)
	}
	if err != nil {
		return nil, fmt.Errorf("INCLUDE %s: %w", name, err)
	}
	r.record.add(path, src)
	return r.read(ctx, path, path, src)
}

// find looks for an included file beside the one that includes it, in the
// definition's folder, and in the build context. smolBSD looks in the current
// folder, in which its definitions' folder is: so a name may begin with that.
func (r *reader) find(from, name string) (string, error) {
	if filepath.IsAbs(name) {
		return "", errOutsideContext
	}
	candidates := []string{filepath.Join(filepath.Dir(from), name)}
	for _, root := range r.roots {
		candidates = append(candidates, filepath.Join(root, name))
		if abs, err := filepath.Abs(root); err == nil {
			if below, ok := strings.CutPrefix(filepath.Clean(name), filepath.Base(abs)+"/"); ok {
				candidates = append(candidates, filepath.Join(root, below))
			}
		}
	}
	for _, c := range candidates {
		if _, err := os.Stat(c); err != nil {
			continue
		}
		if !isBelow(c, r.roots...) {
			return "", errOutsideContext
		}
		return c, nil
	}
	return "", errors.New("no such file beside the including one, in the definition's folder or in the build context")
}

var errOutsideContext = errors.New("only files of the definition's folder and of the build context are read")

// atLine words an error of the parser.
func atLine(file string, err error) error {
	line := 0
	if le, ok := errors.AsType[*parser.LocationError](err); ok && len(le.Locations) > 0 && len(le.Locations[0]) > 0 {
		line = le.Locations[0][0].Start.Line
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	if line < 1 {
		return fmt.Errorf("%s: %s", file, text)
	}
	return fmt.Errorf("%s:%d: %s", file, line, text)
}

// remark notes what the parser warns of, and a "# syntax=" that asks for
// another language than docker's own.
func (r *reader) remark(file string, src []byte, warnings []parser.Warning) {
	if len(warnings) > 0 && warnings[0].Location != nil {
		r.notes = append(r.notes, fmt.Sprintf("%s:%d: empty lines stand in a continued instruction: they are passed over", file, warnings[0].Location.Start.Line))
	}
	var p parser.DirectiveParser
	directives, err := p.ParseAll(src)
	if err != nil {
		return // the parser has refused it already
	}
	for _, d := range directives {
		if d.Name == "syntax" && !strings.HasPrefix(d.Value, "docker/dockerfile") && !strings.HasPrefix(d.Value, "docker.io/docker/dockerfile") {
			r.notes = append(r.notes, fmt.Sprintf("%s:%d: syntax=%s: an image that reads the file can't be run: it is read as a Dockerfile", file, d.Location[0].Start.Line, d.Value))
		}
	}
}

// isBlank says whether a text has nothing but comments and empty lines.
func isBlank(src []byte) bool {
	for line := range bytes.Lines(src) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}
