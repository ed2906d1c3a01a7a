package repo

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// indexOf makes an index of "name version; Field: value; …" lines.
func indexOf(t testing.TB, lines ...string) *Index {
	t.Helper()
	var list strings.Builder
	for _, l := range lines {
		head, fields, _ := strings.Cut(l, ";")
		name, version, _ := strings.Cut(head, " ")
		fmt.Fprintf(&list, "Package: %s\nVersion: %s\nArchitecture: amd64\nFilename: pool/%s.deb\nSize: 1\nSHA256: %064d\n", name, version, name, 0)
		for f := range strings.SplitSeq(fields, ";") {
			if f = strings.TrimSpace(f); f != "" {
				list.WriteString(f + "\n")
			}
		}
		list.WriteString("\n")
	}
	x := newIndex("here amd64", "amd64")
	if err := x.add(strings.NewReader(list.String()), "/archive", 0); err != nil {
		t.Fatal(err)
	}
	x.finish()
	return x
}

func TestResolve(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lines []string
		asked string
		given []Given
		want  string
		err   string
	}{
		{name: "alone", lines: []string{"a 1"}, asked: "a", want: "a"},
		{name: "in order", lines: []string{"a 1; Pre-Depends: c; Depends: b (>= 1), d | e", "b 1; Depends: c", "c 1", "d 1", "e 1"}, asked: "a", want: "c b d a"},
		{name: "a circle", lines: []string{"a 1; Depends: b", "b 1; Depends: a"}, asked: "a", want: "b a"},
		{name: "an alternative that there isn't", lines: []string{"a 1; Depends: x | b", "b 1"}, asked: "a", want: "b a"},
		{name: "an alternative that is too old", lines: []string{"a 1; Depends: b (>= 2) | c", "b 1", "c 1"}, asked: "a", want: "c a"},
		{name: "an alternative that is there anyway", lines: []string{"a 1; Depends: b | c, c", "b 1", "c 1"}, asked: "a", want: "c a"},
		{name: "one that was asked for", lines: []string{"a 1; Depends: b | c", "b 1", "c 1"}, asked: "a c", want: "c a"},
		{name: "provided", lines: []string{"a 1; Depends: v", "b 1; Provides: v; Priority: optional", "c 1; Provides: v; Priority: required"}, asked: "a", want: "c a"},
		{name: "essential goes before", lines: []string{"a 1; Depends: v", "b 1; Provides: v; Priority: required", "c 1; Provides: v; Essential: yes"}, asked: "a", want: "c a"},
		{name: "provided in a version", lines: []string{"a 1; Depends: v (>= 2)", "b 1; Provides: v", "c 1; Provides: v (= 2.1)"}, asked: "a", want: "c a"},
		{name: "real goes before provided", lines: []string{"a 1; Depends: v", "b 1; Provides: v; Priority: required", "v 1"}, asked: "a", want: "v a"},
		{name: "asked for by what it provides", lines: []string{"b 1; Provides: v"}, asked: "v", want: "b"},
		{name: "given", lines: []string{"a 1; Depends: debconf (>= 0.5) | debconf-2.0, debconf-2.0", "debconf 1", "cdebconf 1; Provides: debconf-2.0"}, asked: "a", given: []Given{{Name: "debconf", Provides: "debconf-2.0"}}, want: "a"},
		{name: "for any processor", lines: []string{"a 1; Depends: b:any, c:amd64", "b 1", "c 1"}, asked: "a", want: "b c a"},
		{name: "for another processor", lines: []string{"a 1; Depends: b:i386", "b 1"}, asked: "a", err: "a 1 needs b:i386, which is not in here amd64"},
		{name: "choices that don't go together", lines: []string{"a 1; Depends: b | c, d | e", "b 1; Conflicts: d, e", "c 1", "d 1", "e 1"}, asked: "a", want: "c d a"},
		{name: "choices deep down", lines: []string{"a 1; Depends: b | c", "b 1; Depends: x", "x 1; Depends: none", "c 1"}, asked: "a", want: "c a"},
		{name: "what breaks others", lines: []string{"a 1; Depends: b, c", "b 1; Breaks: c (<< 2)", "c 1"}, asked: "a", err: "a 1 needs c, but b does not go with c 1"},
		{name: "what breaks older ones", lines: []string{"a 1; Depends: b, c", "b 1; Breaks: c (<< 2)", "c 2"}, asked: "a", want: "b c a"},
		{name: "against what is provided", lines: []string{"a 1; Depends: b, c", "b 1; Provides: mta; Conflicts: mta", "c 1; Provides: mta"}, asked: "a", err: "does not go with"},
		{name: "against what it provides itself", lines: []string{"b 1; Provides: mta; Conflicts: mta"}, asked: "b", want: "b"},
		{name: "asked for, and don't go together", lines: []string{"a 1; Conflicts: b", "b 1"}, asked: "a b", err: "a does not go with b 1"},
		{name: "too old", lines: []string{"a 1; Depends: b (= 2)", "b 1"}, asked: "a", err: "a 1 needs b (= 2), which is not in here amd64 (b there is 1"},
		{name: "missing", lines: []string{"a 1; Depends: b", "b 1; Depends: c | d"}, asked: "a", err: "b 1 needs c | d, which is not in here amd64"},
		{name: "the newest", lines: []string{"a 1", "a 10", "a 9"}, asked: "a", want: "a=10"},
		{name: "a version", lines: []string{"a 1", "a 10", "a 9"}, asked: "a=9", want: "a=9"},
		{name: "a version for another", lines: []string{"b 1; Depends: a (<< 10)", "a 10", "a 9"}, asked: "b a=9", want: "a=9 b"},
		{name: "a version and none", lines: []string{"a 1", "a 2"}, asked: "a a=1", want: "a=1"},
		{name: "two versions", lines: []string{"a 1", "a 2", "a 3"}, asked: "a=1 a=2", err: "both a 1 and a 2"},
		{name: "another version", lines: []string{"a 1", "a 2"}, asked: "a=3", err: `package "a" has no version 3 in here amd64 (it has 2, 1)`},
		{name: "unknown", lines: []string{"nginx 1"}, asked: "ngnix", err: `package "ngnix" not found in here amd64 (did you mean "nginx"?)`},
		{name: "by many", lines: []string{"a 1; Provides: v", "b 1; Provides: v"}, asked: "v", err: "name one of a, b"},
		{name: "of another processor", lines: []string{"a 1"}, asked: "a:i386", err: "is for the processor i386"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := indexOf(t, tt.lines...)
			pkgs, err := x.Resolve(strings.Fields(tt.asked), tt.given)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("Resolve = %v, %v; want %q", pkgs, err, tt.err)
				}
				return
			}
			var got []string
			for _, p := range pkgs {
				if strings.Contains(tt.want, "=") && len(x.byName[p.Name]) > 1 {
					p.Name += "=" + p.Version
				}
				got = append(got, p.Name)
			}
			if diff := cmp.Diff(strings.Fields(tt.want), got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

// TestNotFound tells what is missing from what doesn't go together.
func TestNotFound(t *testing.T) {
	x := indexOf(t, "a 1; Depends: b")
	for asked, want := range map[string]bool{"x": true, "a=2": true, "a:i386": true, "a": false} {
		if _, err := x.Resolve([]string{asked}, nil); errors.Is(err, ErrNotFound) != want {
			t.Errorf("%s: %v", asked, err)
		}
	}
}

// TestResolveEnds has choices that all lead nowhere.
func TestResolveEnds(t *testing.T) {
	lines := []string{"a 1; Depends: c0 | d0, c1 | d1"}
	for i := range 60 {
		next := fmt.Sprintf("c%d | d%d", i+1, i+1)
		lines = append(lines, fmt.Sprintf("c%d 1; Depends: %s", i, next), fmt.Sprintf("d%d 1; Depends: %s", i, next))
	}
	lines = append(lines, "c60 1; Depends: none", "d60 1; Depends: none")
	if pkgs, err := indexOf(t, lines...).Resolve([]string{"a"}, nil); err == nil {
		t.Errorf("Resolve = %v; want an error", pkgs)
	}
}

func TestCompareVersions(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"1", "1", 0},
		{"1", "2", -1},
		{"10", "9", 1},
		{"1.0", "1", 1},
		{"1.0-1", "1.0-2", -1},
		{"1.0", "1.0-0", 0},
		{"1:1", "2", 1},
		{"0:1", "1", 0},
		{"1~rc1", "1", -1},
		{"1~~", "1~", -1},
		{"1~", "1", -1},
		{"1+b1", "1", 1},
		{"1a", "1+", -1},
		{"1.2.3-4-5", "1.2.3-4-6", -1},
		{"1.2-3", "1.2.1-1", -1},
		{"007", "7", 0},
		{"1.22.1-9+deb12u1", "1.22.1-9", 1},
		{"2.36-9+deb12u10", "2.36-9+deb12u9", 1},
		{"99999999999999999999", "100000000000000000000", -1},
		{"1.0a", "1.0b", -1},
		{"1-~", "1", -1},
	} {
		if got := CompareVersions(tt.a, tt.b); got != tt.want {
			t.Errorf("CompareVersions(%q, %q) = %d; want %d", tt.a, tt.b, got, tt.want)
		}
		if got := CompareVersions(tt.b, tt.a); got != -tt.want {
			t.Errorf("CompareVersions(%q, %q) = %d; want %d", tt.b, tt.a, got, -tt.want)
		}
	}
}
