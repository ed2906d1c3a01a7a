package cli

import "testing"

func TestPrintable(t *testing.T) {
	for _, test := range []struct{ text, printable, quoted string }{
		{"plain name", "plain name", "plain name"},
		{"grün", "grün", "grün"},
		{"\x1b[31mred", `\x1b[31mred`, `"\x1b[31mred"`},
		{"two\nlines", `two\nlines`, `"two\nlines"`},
		{"c1 \u009b31m", `c1 \u009b31m`, `"c1 \u009b31m"`},
		{"latin \xe9", `latin \xe9`, `"latin \xe9"`},
		{"right \u202e left", `right \u202e left`, `"right \u202e left"`},
		{"\ufffd", "\ufffd", "\ufffd"},
		{`say "x"`, `say "x"`, `"say \"x\""`},
		{" a", " a", `" a"`},
		{"a -> b", "a -> b", `"a -> b"`},
		{"", "", `""`},
	} {
		if got := printable(test.text); got != test.printable {
			t.Errorf("printable(%q) = %s; want %s", test.text, got, test.printable)
		}
		if got := quoted(test.text); got != test.quoted {
			t.Errorf("quoted(%q) = %s; want %s", test.text, got, test.quoted)
		}
	}
}
