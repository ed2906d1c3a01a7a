package ship

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// WithTriggers returns the stage with instructions before its own that the
// image it builds on left for it (ONBUILD). image is that image's name, which
// errors tell of in the place of a file.
func (s Stage) WithTriggers(image string, triggers []string) (Stage, error) {
	if len(triggers) > maxInstructions {
		return s, fmt.Errorf("image %s: more than %d ONBUILD instructions", image, maxInstructions)
	}
	var all []Instruction
	for i, text := range triggers {
		in, err := trigger(text)
		if err != nil {
			return s, fmt.Errorf("image %s: ONBUILD %s: %w", image, quoted(text), err)
		}
		in.Line, in.File = i+1, "ONBUILD of "+image
		all = append(all, in)
	}
	s.Instructions = append(all, s.Instructions...)
	return s, nil
}

// trigger reads one instruction.
func trigger(text string) (Instruction, error) {
	if len(text) > maxIncluded {
		return Instruction{}, fmt.Errorf("over %d KiB", maxIncluded>>10)
	}
	parsed, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return Instruction{}, oneLine("", err)
	}
	if n := len(parsed.AST.Children); n != 1 {
		return Instruction{}, fmt.Errorf("%d instructions", n)
	}
	node := parsed.AST.Children[0]
	in := Instruction{Text: strings.Join(strings.Fields(node.Original), " "), node: node, escape: parsed.EscapeToken}
	if slices.Contains([]string{"FROM", "INCLUDE", "MAINTAINER", "ONBUILD"}, in.verb()) {
		return Instruction{}, fmt.Errorf("%s can't stand there", in.verb())
	}
	return in, nil
}
