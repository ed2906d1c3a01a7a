package fetch

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseSums(t *testing.T) {
	d256, d512 := strings.Repeat("ab", 32), strings.Repeat("cd", 64)
	for _, tt := range []struct {
		name, sums string
		want       map[string]string
	}{
		{"bsd", "SHA512 (base.tar.xz) = " + d512 + "\nSHA512 (a b (1).tgz) = " + strings.ToUpper(d512), map[string]string{"base.tar.xz": "sha512:" + d512, "a b (1).tgz": "sha512:" + d512}},
		{"gnu", d256 + "  x y\n" + d512 + " *./dir/f\r\n", map[string]string{"x y": "sha256:" + d256, "dir/f": "sha512:" + d512}},
		{"alone", d256 + "\n", map[string]string{"": "sha256:" + d256}},
		{"the stronger", "SHA512 (f) = " + d512 + "\nSHA256 (f) = " + d256 + "\nMD5 (f) = 00", map[string]string{"f": "sha512:" + d512}},
		{"signed", "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nSHA256 (f) = " + d256 + "\n", map[string]string{"f": "sha256:" + d256}},
		{"not hex", strings.Repeat("zz", 32) + "  f", nil},
		{"a page", "<html>\n<body>SHA512 (f) = x</body>", nil},
		{"nothing", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseSums([]byte(tt.sums))
			if diff := cmp.Diff(tt.want, got); diff != "" || (err != nil) != (tt.want == nil) {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func FuzzParseSums(f *testing.F) {
	f.Add([]byte("SHA512 (f) = " + strings.Repeat("cd", 64) + "\n" + strings.Repeat("ab", 32) + " *x\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		sums, err := ParseSums(b)
		if (err == nil) == (len(sums) == 0) {
			t.Errorf("%v, %v", sums, err)
		}
		for name, digest := range sums {
			if _, err := parseDigest(digest); err != nil {
				t.Errorf("%q: %v", name, err)
			}
		}
	})
}
