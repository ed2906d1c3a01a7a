package cli

import "bytes"

// maxStepLine is how much of a line without an end is kept back, in bytes.
const maxStepLine = 4096

// stepOutput writes what a build's steps print as lines of the status.
type stepOutput struct {
	status *status
	rest   []byte // of a line that has no end yet
}

// Write implements io.Writer.
func (o *stepOutput) Write(b []byte) (int, error) {
	n := len(b)
	o.rest = append(o.rest, b...)
	for {
		i := bytes.IndexByte(o.rest, '\n')
		if i < 0 && len(o.rest) > maxStepLine {
			i = maxStepLine
		}
		if i < 0 {
			return n, nil
		}
		o.status.line("", "%s", printable(string(bytes.TrimRight(o.rest[:i], "\r"))))
		o.rest = o.rest[min(i+1, len(o.rest)):]
	}
}

// flush writes the line that has no end.
func (o *stepOutput) flush() {
	if len(o.rest) > 0 {
		o.status.line("", "%s", printable(string(o.rest)))
		o.rest = nil
	}
}
