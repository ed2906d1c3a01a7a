package ship

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	lexer "github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Limits of one word's expansion.
const (
	maxWord   = 256 << 10 // bytes that it may have
	maxWork   = 16 << 20  // bytes that it may pass through
	maxNested = 50        // ${ in a word
)

// variables are those that an instruction sees.
type variables map[string]string

// Get and Keys make variables what docker's lexer asks for.
func (v variables) Get(name string) (string, bool) {
	value, ok := v[name]
	return value, ok
}

// Keys returns the names, sorted.
func (v variables) Keys() []string { return slices.Sorted(maps.Keys(v)) }

// An expansion expands the words of an instruction by docker's rules.
type expansion struct {
	escape  rune
	vars    variables
	longest int  // bytes of the longest of them
	raw     bool // quotes stay
}

func expander(escape rune, vars variables) expansion {
	w := expansion{escape: escape, vars: vars}
	for _, v := range vars {
		w.longest = max(w.longest, len(v))
	}
	return w
}

// one returns a word with its variables expanded, and without its quotes.
func (w expansion) one(word string) (string, error) {
	if !strings.ContainsAny(word, "$'\"<"+string(w.escape)) {
		return word, nil
	}
	if err := w.bound(word); err != nil {
		return "", err
	}
	out, _, err := w.lex().ProcessWord(word, w.vars)
	return w.result(word, out, err)
}

// many returns what a word expands to, split at blanks.
func (w expansion) many(word string) ([]string, error) {
	if err := w.bound(word); err != nil {
		return nil, err
	}
	out, err := w.lex().ProcessWords(word, w.vars)
	if _, err := w.result(word, strings.Join(out, " "), err); err != nil {
		return nil, err
	}
	return out, nil
}

func (w expansion) lex() *lexer.Lex {
	l := lexer.NewLex(w.escape)
	l.SkipProcessQuotes = w.raw
	return l
}

// An expandError is a word that can't be expanded.
type expandError struct{ text string }

func (e *expandError) Error() string { return e.text }

func (w expansion) result(word, out string, err error) (string, error) {
	if err != nil {
		text := strings.Join(strings.Fields(err.Error()), " ")
		if i := strings.LastIndex(text, ": "); strings.HasPrefix(text, "failed to process") && i >= 0 && !strings.Contains(word, ": ") {
			text = text[i+2:]
		}
		return "", &expandError{fmt.Sprintf("%s: %s", quoted(word), text)}
	}
	if len(out) > maxWord {
		return "", errors.New("a word expands to more than " + fmt.Sprint(maxWord>>10) + " KiB")
	}
	return out, nil
}

// replaces finds ${name/pattern/text}, which makes a text of each byte.
var replaces = regexp.MustCompile(`\$\{[A-Za-z0-9_]+/`)

// bound refuses a word of which the expansion could take all memory, before
// it does.
func (w expansion) bound(word string) error {
	if strings.Count(word, "${") > maxNested && nested(word) > maxNested {
		return errors.New("a word with ${ in ${ without end")
	}
	work := len(word) + strings.Count(word, "$")*w.longest
	for range replaces.FindAllString(word, 4) {
		work = min(work, maxWork) * (w.longest + 1)
	}
	if work > maxWork {
		return fmt.Errorf("%s would expand to more than %d KiB", quoted(word), maxWord>>10)
	}
	return nil
}

// nested returns how deep ${ stand in each other.
func nested(word string) int {
	depth, deepest := 0, 0
	for i := range len(word) {
		switch {
		case strings.HasPrefix(word[i:], "${"):
			depth++
			deepest = max(deepest, depth)
		case word[i] == '}' && depth > 0:
			depth--
		}
	}
	return deepest
}

// size returns the bytes of variables.
func (v variables) size() int {
	sum := 0
	for name, value := range v {
		sum += len(name) + len(value) + 2
	}
	return sum
}

// proxies are the arguments that docker takes without an ARG, and gives to
// RUN alone.
var proxies = []string{"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"}

func isProxy(name string) bool {
	return slices.Contains(proxies, strings.ToUpper(name)) && (name == strings.ToUpper(name) || name == strings.ToLower(name))
}
