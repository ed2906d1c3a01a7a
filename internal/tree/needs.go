package tree

import (
	"errors"
	"fmt"
	"io"
)

// ReadNeeds reads what the file in r needs to run: the headers and the dynamic
// section of an ELF file, as ReadELF does, or the #! line of a script. The
// needs of any other file are zero. It reads only parts of the file.
func ReadNeeds(r io.ReaderAt) (Needs, error) {
	f, err := ReadELF(r)
	if err == nil {
		return Needs{ELF: &f}, nil
	}
	if !errors.Is(err, ErrNotELF) {
		return Needs{}, err
	}
	head := make([]byte, maxShebang)
	n, err := r.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return Needs{}, err
	}
	return Needs{Script: ScriptInterpreter(head[:n])}, nil
}

// Needs reads what a File of a tree needs, as ReadNeeds does.
func (e Entry) Needs() (_ Needs, err error) {
	r, err := e.Open()
	if err != nil {
		return Needs{}, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	n, err := ReadNeeds(r)
	if err != nil {
		return Needs{}, fmt.Errorf("read what %s needs: %w", e.Path, err)
	}
	return n, nil
}
