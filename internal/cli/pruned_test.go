package cli

import "testing"

func TestSummaryOfPruned(t *testing.T) {
	for want, paths := range map[string][]string{
		"headers (1)": {"/usr/include/stdio.h"},
		"manual pages (2), static libraries (1), others (1)": {"/usr/share/man/man1/a.1", "/usr/pkg/lib/libx.a", "/usr/pkg/man/man8/b.8", "/usr/share/doc/x"},
		"translations (2)": {"/usr/share/locale/de/x.mo", "/usr/share/nls/C/x.cat"},
	} {
		if got := summaryOfPruned(paths); got != want {
			t.Errorf("%q is told as %q; want %q", paths, got, want)
		}
	}
}
