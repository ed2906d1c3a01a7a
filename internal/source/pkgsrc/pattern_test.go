package pkgsrc

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		pattern string
		yes, no []string
	}{
		{"nginx-1.26.2", []string{"nginx-1.26.2"}, []string{"nginx-1.26.2nb1", "nginx-1.26", "nginx-1.26.20"}},
		{"nginx", []string{"nginx-1.26.2", "nginx-0.1"}, []string{"nginx-devel-1.27", "nginxx-1", "nginx-", "nginx-beta"}},
		{"nginx-[0-9]*", []string{"nginx-1.26.2", "nginx-1"}, []string{"nginx-devel-1.27", "nginx"}},
		{"nginx-*", []string{"nginx-1.26.2", "nginx-devel-1.27"}, []string{"nginx1-1"}},
		{"nginx-1.2?.*", []string{"nginx-1.26.2"}, []string{"nginx-1.2.2"}},
		{"py[23]*-six-1.1[!0-5]", []string{"py311-six-1.16", "py27-six-1.17"}, []string{"py311-six-1.15", "py4-six-1.16"}},
		{"p5-[A-Z]*", []string{"p5-Moo-2.0"}, []string{"p5-moo-2.0"}},
		{`a[]x]b-1`, []string{"a]b-1", "axb-1"}, []string{"aab-1"}},
		{`a\*-1`, []string{}, []string{"a*-1.0", "ab-1"}},
		{"apache>=2.4<2.5", []string{"apache-2.4", "apache-2.4.62nb1", "apache-2.5alpha1"}, []string{"apache-2.3.9", "apache-2.5", "apache-2.5nb1", "apache24-2.4"}},
		{"apache>2.4<=2.4.62", []string{"apache-2.4nb1", "apache-2.4.62"}, []string{"apache-2.4", "apache-2.4.62nb1"}},
		{"foo>1", []string{"foo-1.1", "foo-1nb1"}, []string{"foo-1", "foo-1.0", "foo-bar-2"}},
		{"foo<2nb3", []string{"foo-2nb2", "foo-1"}, []string{"foo-2nb3", "foo-2.0.1"}},
		{"foo<=2", []string{"foo-2", "foo-2rc1"}, []string{"foo-2nb1"}},
		{"foo!=2", nil, []string{"foo-1", "foo-2"}},
		{"foo==2", nil, []string{"foo-1", "foo-2"}},
		{"{mysql,mariadb}-client-[0-9]*", []string{"mysql-client-8.0", "mariadb-client-10.11"}, []string{"mysql-server-8.0", "client-1"}},
		{"{a,b{c,d}}e-1", []string{"ae-1", "bce-1", "bde-1"}, []string{"be-1", "ac-1"}},
		{"x{,-devel}>=1", []string{"x-1", "x-devel-1"}, []string{"x-0", "x-docs-1"}},
		{"{gcc>=4<5,clang>3}", []string{"gcc-4.9", "clang-3.1"}, []string{"gcc-5", "clang-3"}},
		{"x}-1", []string{"x}-1"}, []string{"x-1"}},
		{"font-adobe-[0-9]*", []string{"font-adobe-1", "font-adobe-100dpi-1.0"}, nil},
		{"[", nil, []string{"a-1"}},
		{"", nil, []string{"a-1"}},
	} {
		p, err := parsePattern(c.pattern)
		if err != nil {
			t.Errorf("%q: %v", c.pattern, err)
			continue
		}
		for _, name := range c.yes {
			if !p.match(name) {
				t.Errorf("%q does not match %q", c.pattern, name)
			}
		}
		for _, name := range c.no {
			if p.match(name) {
				t.Errorf("%q matches %q", c.pattern, name)
			}
		}
	}
}

func TestPatternRefused(t *testing.T) {
	for name, text := range map[string]string{
		"open brace":            "{a,b",
		"open brace in a brace": "{a,{b}",
		"too many alternatives": strings.Repeat("{a,b}", 30),
		"too long":              strings.Repeat("a", 2000) + "{b}",
	} {
		if _, err := parsePattern(text); err == nil {
			t.Errorf("%s: it is taken for a pattern", name)
		}
	}
}

func TestExpandBraces(t *testing.T) {
	got, err := expandBraces("{a,b{c,d}}{,x}")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "ax", "bc", "bcx", "bd", "bdx"}, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzPattern(f *testing.F) {
	for _, s := range []string{"nginx-[0-9]*", "apache>=2.4<2.5", "{a,b{c,d}}e-1", "x[!a-]*?\\-1", "[", "{", "a<"} {
		f.Add(s, "nginx-1.26.2")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		p, err := parsePattern(text)
		if err != nil {
			return
		}
		got := p.match(name)
		if !strings.ContainsAny(text, `{<>*?[]\`) && got != (name == text || p.alts[0].matchUnversioned(name)) {
			t.Errorf("the plain %q matches %q: %t", text, name, got)
		}
		// What matches is found by what all that match begin with.
		for _, a := range p.alts {
			if len(a.bounds) == 0 && a.match(name) && !strings.HasPrefix(name, a.literal()) {
				t.Errorf("%q matches %q, which does not begin with %q", a.name, name, a.literal())
			}
		}
	})
}
