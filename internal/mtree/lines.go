package mtree

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A lineReader reads logical lines as fparseln(3) does: without comments, and
// with those that a backslash continues joined.
type lineReader struct {
	r    *bufio.Reader
	line int // the number of the last physical line
}

// next returns a line, and io.EOF after the last.
func (l *lineReader) next() (string, error) {
	var joined strings.Builder
	for {
		s, err := l.physical(maxLine - joined.Len())
		if err != nil {
			if errors.Is(err, io.EOF) && joined.Len() > 0 {
				return joined.String(), nil
			}
			return "", err
		}
		l.line++
		s = withoutComment(s)
		if !endsEscaped(s) {
			joined.WriteString(s)
			return joined.String(), nil
		}
		joined.WriteString(s[:len(s)-1])
	}
}

// physical returns the bytes up to the next newline or the end.
func (l *lineReader) physical(limit int) (string, error) {
	var b strings.Builder
	for {
		part, err := l.r.ReadSlice('\n')
		b.Write(part)
		if b.Len() > limit {
			l.line++
			return "", fmt.Errorf("the line is longer than %d bytes", maxLine)
		}
		switch {
		case err == nil:
			return strings.TrimSuffix(b.String(), "\n"), nil
		case errors.Is(err, io.EOF) && b.Len() > 0:
			return b.String(), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		}
	}
}

// withoutComment cuts the line at the first # that no backslash escapes, and
// takes the backslash off those that one does.
func withoutComment(s string) string {
	if strings.IndexByte(s, '#') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '#':
			return b.String()
		case s[i] == '\\' && i+1 < len(s):
			if s[i+1] != '#' {
				b.WriteByte('\\')
			}
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// endsEscaped tells whether a backslash stands at the end that is not itself
// escaped.
func endsEscaped(s string) bool {
	n := len(s) - len(strings.TrimRight(s, `\`))
	return n%2 == 1
}
