package cli

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDownloads(t *testing.T) {
	var out bytes.Buffer
	d := downloads{status: &status{w: &out}}
	for _, r := range []struct {
		name        string
		done, total int64
		text        string
	}{
		{"base.tgz", 1000, 4000, "base.tgz  1.0 kB of 4.0 kB  25 %"},
		{"base.tgz", 2000, 4000, "base.tgz  2.0 kB of 4.0 kB  50 %"},
		{"etc.tgz", 500, 1000, "base.tgz etc.tgz  2.5 kB of 5.0 kB  50 %"},
		{"list", 1, -1, "base.tgz etc.tgz and 1 more  2.5 kB"},
		{"base.tgz", 4000, 4000, "etc.tgz list  501 bytes"},
	} {
		d.report(r.name, r.done, r.total)
		if got := d.text(); got != r.text {
			t.Errorf("after %s: %q, want %q", r.name, got, r.text)
		}
	}
	if diff := cmp.Diff("fetch    base.tgz\nfetch    etc.tgz\nfetch    list\n", out.String()); diff != "" {
		t.Error(diff)
	}
}
