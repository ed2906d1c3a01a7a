package pkgsrc

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/source"
)

func TestMessage(t *testing.T) {
	rule := strings.Repeat("=", 75)
	for text, want := range map[string]string{
		"": "",
		rule + "\n$NetBSD: MESSAGE,v 1.3 2020/01/01 00:00:00 builder Exp $\n\nTo start\n\t it:\n\n\tnginx=YES\n" + rule + "\n": "To start it: nginx=YES",
		rule + "\n" + rule:                      "",
		"a \x1b[31mred\x1b[0m \xff w\u00f6rd\r": "a [31mred[0m ? w\u00f6rd",
		strings.Repeat("\u00e4", 1500):          strings.Repeat("\u00e4", 1000) + "… (the rest is in its +DISPLAY)",
		"x" + strings.Repeat("\u00e4", 1500):    "x" + strings.Repeat("\u00e4", 999) + "… (the rest is in its +DISPLAY)",
	} {
		if got := message(text); got != want {
			t.Errorf("%q is %q", text, got)
		}
	}
}

// TestDisplay reports the message that the packing list names, and no other.
func TestDisplay(t *testing.T) {
	text := "====\nAdd nginx=YES\nto /etc/rc.conf.\n====\n"
	with := testPackage{name: "a-1", after: []string{"@display +DISPLAY"}, meta: []testFile{{name: "+DISPLAY", text: text}}}
	without := testPackage{name: "b-1", meta: []testFile{{name: "+DISPLAY", text: text}}}
	tr, r, err := newRepo(t, with, without).source(t).Packages(t.Context(), []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	want := []source.Note{{Package: "a 1", Text: "its message: Add nginx=YES to /etc/rc.conf."}}
	if diff := cmp.Diff(want, r.Notes); diff != "" {
		t.Error(diff)
	}
	if got, err := tr.ReadFile("/usr/pkg/pkgdb/a-1/+DISPLAY", 1<<10); err != nil || string(got) != text {
		t.Errorf("registered is %q, %v", got, err)
	}
}
