package repo

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

const maxLine = 4 << 20 // bytes of a line; the longest real ones have a tenth of one

// eachField reads paragraphs of fields (Debian Policy, 5.1), handing the
// lower-case name and the value of each to field and telling end after each
// paragraph. A value that goes on in further lines has line feeds.
func eachField(r io.Reader, limit int64, field func(name, value string) error, end func() error) error {
	limited := &io.LimitedReader{R: r, N: limit + 1}
	sc := bufio.NewScanner(limited)
	sc.Buffer(make([]byte, 0, 1<<16), maxLine)
	p := fieldReader{field: field, end: end}
	for sc.Scan() {
		p.line++
		if err := p.take(sc.Bytes()); err != nil {
			return fmt.Errorf("line %d: %w", p.line, err)
		}
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("line %d: %w", p.line+1, err)
	}
	if limited.N <= 0 {
		return fmt.Errorf("it has more than %d bytes", limit)
	}
	if err := p.endParagraph(); err != nil {
		return fmt.Errorf("line %d: %w", p.line, err)
	}
	return nil
}

type fieldReader struct {
	field  func(name, value string) error
	end    func() error
	line   int
	name   string // of the field at hand; empty: there is none
	value  strings.Builder
	inside bool // a paragraph
}

func (p *fieldReader) take(line []byte) error {
	for len(line) > 0 && (line[len(line)-1] == ' ' || line[len(line)-1] == '\t' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	switch {
	case len(line) == 0:
		return p.endParagraph()
	case line[0] == '#':
		return nil
	case line[0] == ' ' || line[0] == '\t':
		if p.name == "" {
			return fmt.Errorf("%.60q goes on with no field", line)
		}
		if p.value.Len() > maxRelease {
			return fmt.Errorf("the field %s is too long", p.name)
		}
		p.value.WriteByte('\n')
		p.value.Write(line[1:])
		return nil
	}
	if err := p.endField(); err != nil {
		return err
	}
	name, value, ok := strings.Cut(string(line), ":")
	if !ok || name == "" || strings.ContainsAny(name, " \t") {
		return fmt.Errorf("%.60q is not Field: value", line)
	}
	p.inside = true
	p.name = strings.ToLower(name)
	p.value.WriteString(strings.TrimSpace(value))
	return nil
}

func (p *fieldReader) endField() error {
	if p.name == "" {
		return nil
	}
	name, value := p.name, p.value.String()
	p.name = ""
	p.value.Reset()
	return p.field(name, value)
}

func (p *fieldReader) endParagraph() error {
	if err := p.endField(); err != nil {
		return err
	}
	if !p.inside {
		return nil
	}
	p.inside = false
	return p.end()
}
