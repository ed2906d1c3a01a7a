package pkgsrc

import (
	"cmp"
	"math"
	"strings"
)

// A version is the part of a package's name after its last hyphen, as
// pkg_install orders them (pkgsrc Guide, "Versions"): numbers compared one by
// one, those that a shorter version lacks being 0, and after all of them the
// revision of the package itself, "nb".
type version struct {
	parts    []int64
	revision int64
}

// words are the parts of a version that are no number, by what they count as.
// The first that fits is taken. Any other letter is a 0 and its place in the
// alphabet, so that 1.0a comes after 1.0 and before 1.0.2.
var words = []struct {
	word  string
	value int64
}{
	{"alpha", -3}, {"beta", -2}, {"pre", -1}, {"rc", -1}, {"pl", 0}, {"_", 0}, {".", 0},
}

// parseVersion reads any text: what means nothing is left out.
func parseVersion(s string) version {
	var v version
	s = strings.ToLower(s)
	for s != "" {
		switch n, rest := leadingNumber(s); {
		case rest != s:
			v.parts, s = append(v.parts, n), rest
		case strings.HasPrefix(s, "nb"):
			v.revision, s = leadingNumber(s[2:])
		default:
			s = v.word(s)
		}
	}
	return v
}

// word takes a part that is no number off s, and returns the rest.
func (v *version) word(s string) string {
	for _, w := range words {
		if rest, ok := strings.CutPrefix(s, w.word); ok {
			v.parts = append(v.parts, w.value)
			return rest
		}
	}
	if c := s[0]; 'a' <= c && c <= 'z' {
		v.parts = append(v.parts, 0, int64(c-'a')+1)
	}
	return s[1:]
}

// leadingNumber returns the number that s begins with, 0 where there is none,
// and what follows it. One that is too large counts as the largest.
func leadingNumber(s string) (int64, string) {
	var n int64
	i := 0
	for ; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
		if n > (math.MaxInt64-9)/10 {
			n = math.MaxInt64
			continue
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, s[i:]
}

// compare is negative where v is older than w, and positive where it is newer.
func (v version) compare(w version) int {
	for i := range max(len(v.parts), len(w.parts)) {
		if c := cmp.Compare(v.part(i), w.part(i)); c != 0 {
			return c
		}
	}
	return cmp.Compare(v.revision, w.revision)
}

func (v version) part(i int) int64 {
	if i < len(v.parts) {
		return v.parts[i]
	}
	return 0
}

func compareVersions(a, b string) int {
	if a == b {
		return 0
	}
	return parseVersion(a).compare(parseVersion(b))
}

// splitName cuts "nginx-1.26.2nb1" at its last hyphen.
func splitName(name string) (base, version string, ok bool) {
	i := strings.LastIndexByte(name, '-')
	if i <= 0 || i == len(name)-1 {
		return name, "", false
	}
	return name[:i], name[i+1:], true
}
