package main

import "fmt"

// options are what getopt(3) found: the options in order, and the operands.
type options struct {
	list []option
	rest []string
}

type option struct {
	letter byte
	value  string
}

// getopt parses args by a list of letters; one that a colon follows takes a
// value. Parsing stops at the first operand, and behind "--".
func getopt(args []string, letters string) (options, error) {
	takes := map[byte]bool{}
	for i := 0; i < len(letters); i++ {
		if letters[i] != ':' {
			takes[letters[i]] = i+1 < len(letters) && letters[i+1] == ':'
		}
	}
	var o options
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0][1:]
		args = args[1:]
		if word == "-" {
			break
		}
		for i := 0; i < len(word); i++ {
			value, known := takes[word[i]]
			if !known {
				return o, fmt.Errorf("unknown option -- %c", word[i])
			}
			if !value {
				o.list = append(o.list, option{letter: word[i]})
				continue
			}
			text := word[i+1:]
			if text == "" {
				if len(args) == 0 {
					return o, fmt.Errorf("option requires an argument -- %c", word[i])
				}
				text, args = args[0], args[1:]
			}
			o.list = append(o.list, option{word[i], text})
			break
		}
	}
	o.rest = args
	return o, nil
}

// has says whether the option was given.
func (o options) has(letter byte) bool {
	for _, x := range o.list {
		if x.letter == letter {
			return true
		}
	}
	return false
}

// value is the last value of the option, or otherwise.
func (o options) value(letter byte, otherwise string) string {
	for _, x := range o.list {
		if x.letter == letter {
			otherwise = x.value
		}
	}
	return otherwise
}

// want fails unless there are so many operands; most < 0 is any number.
func (o options) want(least, most int) error {
	switch {
	case len(o.rest) < least:
		return fmt.Errorf("%d operands are too few: %d are needed", len(o.rest), least)
	case most >= 0 && len(o.rest) > most:
		return fmt.Errorf("%q: one operand too many", o.rest[most])
	}
	return nil
}
