package tree

import (
	"bytes"
	"io"
	"strings"
)

// maxShebang is how much of a file's first line is looked at for an
// interpreter: Linux's BINPRM_BUF_SIZE; NetBSD's SCRIPT limit is less.
const maxShebang = 256

// ScriptInterpreter returns the program that a script names behind the #! at
// its start, where head is the file's first bytes; "" for other files.
func ScriptInterpreter(head []byte) string {
	rest, ok := bytes.CutPrefix(head[:min(len(head), maxShebang)], []byte("#!"))
	if !ok {
		return ""
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	f := strings.Fields(string(line))
	if len(f) == 0 {
		return ""
	}
	return f[0]
}

// Interpreter is ScriptInterpreter of a File of a tree.
func (e Entry) Interpreter() (string, error) {
	r, err := e.Open()
	if err != nil {
		return "", err
	}
	head := make([]byte, min(e.Size, maxShebang))
	_, err = io.ReadFull(r, head)
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return "", err
	}
	return ScriptInterpreter(head), nil
}
