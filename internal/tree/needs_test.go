package tree

import (
	"bytes"
	"debug/elf"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadNeeds(t *testing.T) {
	program := makeELF(t, elfSpec{typ: elf.ET_DYN, interp: "/libexec/ld.elf_so", note: "NetBSD", needed: []string{"libc.so.12"}})
	for _, tt := range []struct {
		name  string
		bytes string
		want  Needs
		fails bool
	}{
		{"empty", "", Needs{}, false},
		{"text", "#comment\n", Needs{}, false},
		{"script", "#!/bin/sh\n", Needs{Script: "/bin/sh"}, false},
		{"script with an argument", "#! /usr/bin/awk -f\nBEGIN", Needs{Script: "/usr/bin/awk"}, false},
		{"script of one line", "#!/bin/cat", Needs{Script: "/bin/cat"}, false},
		{"no interpreter", "#!\n/bin/sh", Needs{}, false},
		{"program", string(program), Needs{ELF: &ELF{
			OS: "netbsd", Arch: "amd64", Program: true, Interp: "/libexec/ld.elf_so", Needed: []string{"libc.so.12"},
		}}, false},
		{"half a program", string(program[:len(program)/2]), Needs{}, true},
		{"begins like one", "\x7fELF", Needs{}, false},
		{"long text", strings.Repeat("x", 1<<16), Needs{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ReadNeeds(bytes.NewReader([]byte(tt.bytes)))
			if diff := cmp.Diff(tt.want, got); diff != "" || (err != nil) != tt.fails {
				t.Errorf("ReadNeeds: %v\n%s", err, diff)
			}
			got, err = NewFile("/f", 0o755, []byte(tt.bytes), t0, "").Needs()
			if diff := cmp.Diff(tt.want, got); diff != "" || (err != nil) != tt.fails {
				t.Errorf("Entry.Needs: %v\n%s", err, diff)
			}
		})
	}
	if n, err := (Entry{Path: "/d", Type: Dir}).Needs(); err == nil {
		t.Errorf("a folder needs %v", n)
	}
}
