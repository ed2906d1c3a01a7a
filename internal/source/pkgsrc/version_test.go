package pkgsrc

import (
	"slices"
	"testing"
)

// TestVersionOrder has versions in rising order; those of one line are equal.
func TestVersionOrder(t *testing.T) {
	order := [][]string{
		{"0.9"},
		{"1.0alpha1", "1.0ALPHA1"},
		{"1.0alpha2"},
		{"1.0beta1"},
		{"1.0rc1", "1.0pre1"},
		{"1.0rc2"},
		{"1.0rc2nb1"},
		{"1", "1.0", "1.0.0", "1.0_0", "1.", "1-"},
		{"1.0nb1"},
		{"1.0nb2", "1nb2"},
		{"1.0nb10"},
		{"1.0a", "1.0.1", "1.0pl1", "1.0_1"},
		{"1.0.1nb1"},
		{"1.0b", "1.0.2"},
		{"1.0z", "1.0.26"},
		{"1.0.100"},
		{"1.9"},
		{"1.10"},
		{"1.10.1"},
		{"2rc1"},
		{"2"},
		{"20241105"},
		{"99999999999999999999999999"},
	}
	for i, same := range order {
		for _, a := range same {
			for j, others := range order {
				for _, b := range others {
					got := compareVersions(a, b)
					if want := i - j; (got < 0) != (want < 0) || (got > 0) != (want > 0) {
						t.Errorf("compareVersions(%q, %q) = %d; they are of lines %d and %d", a, b, got, i, j)
					}
				}
			}
		}
	}
}

func TestSplitName(t *testing.T) {
	for name, want := range map[string][]string{
		"nginx-1.26.2nb1":          {"nginx", "1.26.2nb1"},
		"p5-Mail-SPF-2.9":          {"p5-Mail-SPF", "2.9"},
		"font-adobe-100dpi-1.0.3":  {"font-adobe-100dpi", "1.0.3"},
		"nginx":                    nil,
		"-1.0":                     nil,
		"nginx-":                   nil,
		"":                         nil,
		"mysql-client-8.0.40nb2.1": {"mysql-client", "8.0.40nb2.1"},
	} {
		base, version, ok := splitName(name)
		if ok != (want != nil) || (ok && !slices.Equal([]string{base, version}, want)) {
			t.Errorf("splitName(%q) = %q, %q, %t", name, base, version, ok)
		}
	}
}
