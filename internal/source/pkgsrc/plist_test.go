package pkgsrc

import (
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParsePlist(t *testing.T) {
	got, err := parsePlist(`@comment $NetBSD$
@name nginx-1.26.2
@comment ORIGIN:www/nginx
@cwd /usr/pkg
@pkgdep pcre2>=10
@blddep pcre2-10.42
@pkgcfl apache-[0-9]*
@ignore
+COMMENT
@mode 0555
@owner root
sbin/nginx
@comment MD5:D41D8CD98F00B204E9800998ECF8427E
@mode
lib/libx.so
@comment Symlink:libx.so.1
@exec /bin/mkdir -p %D/share
@unexec rm %D/share
@pkgdir share/nginx
@dirrm share/nginx
`)
	if err != nil {
		t.Fatal(err)
	}
	want := &plist{name: "nginx-1.26.2", prefix: "/usr/pkg", lines: []plistLine{
		{verb: "cwd", arg: "/usr/pkg", line: 4},
		{verb: "mode", arg: "0555", line: 10},
		{verb: "owner", arg: "root", line: 11},
		{verb: "file", arg: "sbin/nginx", md5: "d41d8cd98f00b204e9800998ecf8427e", line: 12},
		{verb: "mode", line: 14},
		{verb: "file", arg: "lib/libx.so", link: "libx.so.1", line: 15},
		{verb: "exec", arg: "/bin/mkdir -p %D/share", line: 17},
		{verb: "pkgdir", arg: "share/nginx", line: 19},
	}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(plist{}, plistLine{})); diff != "" {
		t.Error(diff)
	}
}

func TestParsePlistRefused(t *testing.T) {
	const head = "@name a-1\n@cwd /usr/pkg\n"
	for name, text := range map[string]string{
		"no name":            "@cwd /usr/pkg\n",
		"no prefix":          "@name a-1\n",
		"a name with a path": "@name ../a-1\n@cwd /usr/pkg\n",
		"a relative prefix":  "@name a-1\n@cwd usr\n",
		"a file above":       head + "a/../../b\n",
		"an absolute file":   head + "/etc/passwd\n",
		"an unknown word":    head + "@frobnicate\n",
		"a long line":        head + strings.Repeat("a", maxListLine+1) + "\n",
		"a NUL":              head + "a\x00b\n",
	} {
		if _, err := parsePlist(text); err == nil {
			t.Errorf("%s: it is taken for a packing list", name)
		}
	}
}

func FuzzParsePlist(f *testing.F) {
	f.Add("@name a-1\n@cwd /usr/pkg\nbin/x\n@comment MD5:00\n@exec true\n@ignore\n+COMMENT\n")
	f.Add("@name a-1\n@cd /\n..\n@comment Symlink:\n@mode\n")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := parsePlist(text)
		if err != nil {
			return
		}
		for _, line := range l.lines {
			if p := path.Join("/prefix", line.arg); line.verb == "file" && !strings.HasPrefix(p, "/prefix/") {
				t.Errorf("the file %q leaves the prefix", line.arg)
			}
		}
	})
}
