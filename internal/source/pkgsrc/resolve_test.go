package pkgsrc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// indexOf makes an index of packages in short: "nginx-1.26.2 pcre2>=10 !apache-[0-9]* ~nginx-old-[0-9]*",
// dependencies as they are, conflicts after !, what is superseded after ~.
func indexOf(t testing.TB, lines ...string) *index {
	t.Helper()
	var entries []entry
	for _, l := range lines {
		words := strings.Fields(l)
		base, version, ok := splitName(words[0])
		if !ok {
			t.Fatalf("%q is no package", words[0])
		}
		e := entry{Base: base, Version: version}
		for _, w := range words[1:] {
			switch w[0] {
			case '!':
				e.Conflicts = append(e.Conflicts, w[1:])
			case '~':
				e.Supersedes = append(e.Supersedes, w[1:])
			default:
				e.Depends = append(e.Depends, w)
			}
		}
		entries = append(entries, e)
	}
	return indexWith(t, header{}, entries)
}

func indexWith(t testing.TB, h header, entries []entry) *index {
	t.Helper()
	x, err := makeIndex(h, func(add func(e *entry) error) error {
		for i := range entries {
			if err := add(&entries[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		name  string
		index []string
		ask   string
		want  string // the names in order, or "error: " and its message
	}{
		{
			"the newest, and dependencies first",
			[]string{"nginx-1.24.0 pcre2>=10", "nginx-1.26.2 pcre2>=10.40 zlib>=1", "pcre2-10.42", "pcre2-10.40", "zlib-1.3.1"},
			"nginx", "pcre2-10.42 zlib-1.3.1 nginx-1.26.2",
		},
		{"an exact version", []string{"nginx-1.24.0", "nginx-1.26.2"}, "nginx-1.24.0", "nginx-1.24.0"},
		{"the beginning of a version", []string{"apache-2.4.9", "apache-2.4.62nb1", "apache-2.40", "apache-2.2.34"}, "apache-2.4", "apache-2.4.62nb1"},
		{"the version without its revision", []string{"apache-2.4.62nb1", "apache-2.4.62nb12", "apache-2.4.620"}, "apache-2.4.62", "apache-2.4.62nb12"},
		{"an exact version goes before its beginnings", []string{"apache-2.4", "apache-2.4.62"}, "apache-2.4", "apache-2.4"},
		{"a relational name", []string{"apache-2.4.62", "apache-2.2.34"}, "apache<2.4", "apache-2.2.34"},
		{"a circle", []string{"a-1 b-[0-9]*", "b-1 a-[0-9]*"}, "a", "b-1 a-1"},
		{"alternatives: the newest", []string{"w-1 {mysql,mariadb}-client-[0-9]*", "mysql-client-8.0.40", "mariadb-client-10.11"}, "w", "mariadb-client-10.11 w-1"},
		{
			"alternatives: the one that was chosen already",
			[]string{"w-1 {mysql,mariadb}-client-[0-9]*", "mysql-client-8.0.40", "mariadb-client-10.11"},
			"mysql-client w", "mysql-client-8.0.40 w-1",
		},
		{
			"a version that goes with all",
			[]string{"app-1 mod-[0-9]* php>=7", "mod-1 php>=8.1<8.2", "php-8.3.1", "php-8.1.9", "php-7.4"},
			"app", "php-8.1.9 mod-1 app-1",
		},
		{
			"back from the newest, which came first",
			[]string{"app-1 php>=7 mod-[0-9]*", "mod-1 php>=8.1<8.2", "php-8.3.1", "php-8.1.9"},
			"app", "php-8.1.9 mod-1 app-1",
		},
		{
			"back over decisions that have nothing to do with it",
			[]string{"app-1 php>=7 x-[0-9]* y-[0-9]* mod-[0-9]*", "mod-1 php>=8.1<8.2", "php-8.3.1", "php-8.1.9", "x-1", "x-2", "y-1", "y-2"},
			"app", "php-8.1.9 x-2 y-2 mod-1 app-1",
		},
		{"an older one whose dependencies are there", []string{"a-2 gone>=1", "a-1"}, "a", "a-1"},
		{"the package that was meant before one that happens to match", []string{"font-adobe-1", "font-adobe-100dpi-9"}, "font-adobe", "font-adobe-1"},
		{"another name for what is superseded", []string{"new-2 ~old-[0-9]*", "x-1 old>=1"}, "old x", "new-2 x-1"},
		{"what is superseded is not beside it", []string{"new-2 ~old-[0-9]*", "old-1"}, "new old", "error: new-2 conflicts with old-1"},
		{
			"a conflict",
			[]string{"nginx-1 !apache-[0-9]*", "site-1 apache-[0-9]*", "apache-2.4"},
			"nginx site",
			"error: nginx-1 conflicts with apache-2.4 (site-1 needs apache-2.4)",
		},
		{"a conflict with its own other versions", []string{"nginx-1 !nginx-[0-9]*"}, "nginx", "nginx-1"},
		{"a conflict that an alternative avoids", []string{"a-1 {b,c}-[0-9]*", "b-2 !a-[0-9]*", "c-1"}, "a", "c-1 a-1"},
		{"no such version", []string{"nginx-1.26.2 pcre2>=10.42", "pcre2-10.40"}, "nginx", "error: nginx-1.26.2 needs pcre2>=10.42, the index has pcre2-10.40"},
		{
			"the chain",
			[]string{"web-1 nginx>=1", "nginx-1.26.2 pcre2>=10.42", "pcre2-10.40"},
			"web",
			"error: nginx-1.26.2 needs pcre2>=10.42, the index has pcre2-10.40 (web-1 needs nginx-1.26.2)",
		},
		{"no such dependency", []string{"nginx-1 pcre2>=10"}, "nginx", "error: nginx-1 needs pcre2>=10, the index has no such package"},
		{
			"two versions of one",
			[]string{"a-1 php>=8", "b-1 php<8", "php-8.1", "php-7.4"},
			"a b",
			"error: b-1 needs php<8, but php-8.1 is wanted too (a-1 needs php-8.1)",
		},
		{"no such package", []string{"nginx-1"}, "apache", `error: package "apache" not found`},
		{"no pattern", []string{"nginx-1"}, "{nginx", `error: the package pattern "{nginx": a brace in it is not closed`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			choices, err := indexOf(t, c.index...).resolve(strings.Fields(c.ask))
			for _, c := range choices {
				got += c.name() + " "
			}
			if err != nil {
				got = "error: " + err.Error()
			}
			if diff := cmp.Diff(c.want, strings.TrimSpace(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestResolveGivesUp has every choice fail at the very end.
func TestResolveGivesUp(t *testing.T) {
	lines := []string{"end-1 gone>=1"}
	top := "top-1"
	for i := range 24 {
		top += fmt.Sprintf(" a%d-[0-9]*", i)
		lines = append(lines, fmt.Sprintf("a%d-1 !end-[0-9]*", i), fmt.Sprintf("a%d-2 !end-[0-9]*", i))
	}
	_, err := indexOf(t, append(lines, top+" end-[0-9]*")...).resolve([]string{"top"})
	if err == nil {
		t.Error("packages that can't go together were chosen")
	}
}
