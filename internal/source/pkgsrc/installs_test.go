package pkgsrc

import (
	"strings"
	"testing"
)

func TestInstalls(t *testing.T) {
	for command, want := range map[string]string{ // patterns | rest
		"pkgin -y install nginx":                                            "nginx |",
		"pkgin -y in nginx php curl":                                        "nginx php curl |",
		"pkgin install -y nginx":                                            "nginx |",
		"/usr/pkg/bin/pkgin -fy install nginx >/dev/null 2>&1":              "nginx |",
		"pkg_add nginx pcre2":                                               "nginx pcre2 |",
		"pkg_add -v nginx && pkg_add -uu curl":                              "nginx curl |",
		"pkgin update":                                                      "|",
		"pkgin -y up && pkgin -y ug; pkgin -y clean":                        "|",
		"pkgin up && pkgin -y in nginx":                                     "nginx |",
		"pkgin -y in 'nginx>=1.26' \"{mysql,mariadb}-client\" php-[0-9]*":   "nginx>=1.26 {mysql,mariadb}-client php-[0-9]* |",
		"pkgin -y in nginx && rm -rf /var/db/pkgin":                         "nginx | rm -rf /var/db/pkgin",
		"pkgin -y in nginx; nginx -t && echo \"$HOME\" >>/x; ls | wc":       "nginx | nginx -t && echo \"$HOME\" >>/x; ls | wc",
		"pkgin -y in nginx \\\n  curl &&\n  mkdir /www":                     "nginx curl | mkdir /www",
		"pkgin -y in a\npkgin -y in b\ntouch /c":                            "a b | touch /c",
		"set -ex; pkgin -y in nginx":                                        "nginx |",
		"set -e; pkgin -y in nginx; touch /x":                               "nginx | set -e; touch /x",
		"export PKG_PATH=http://x/$(uname -m)/All; pkg_add nginx":           "nginx |",
		"PKG_PATH=\"http://x/$(uname -m)/All\" /usr/sbin/pkg_add nginx":     "nginx |",
		"env PKG_PATH=http://x pkg_add nginx":                               "nginx |",
		"echo http://x >/usr/pkg/etc/pkgin/repositories.conf && pkgin in a": "a | echo http://x >/usr/pkg/etc/pkgin/repositories.conf",
		"mkdir -p /www && pkgin -y in nginx && cp a b":                      "nginx | mkdir -p /www && cp a b",
		"yes | pkgin install nginx":                                         "nginx |",
		"pkgin -y in nginx || exit 1":                                       "nginx |",
		"pkgin -y in a && if test -f x; then echo y; fi":                    "a | if test -f x; then echo y; fi",
	} {
		patterns, rest, ok := Installs(command)
		if got := strings.TrimSpace(strings.TrimSpace(strings.Join(patterns, " ")) + " | " + rest); !ok || got != want {
			t.Errorf("%s\n got %s, %t\nwant %s", command, got, ok, want)
		}
	}
}

// TestInstallsNot has commands that the guest's own tools have to run, if
// anything can.
func TestInstallsNot(t *testing.T) {
	for _, command := range []string{
		"", "echo pkgin", "nginx -t", "if", "apt-get install nginx", "pkg_info", "pkgin", "pkg_add", "pkgin -y", "pkgin -y in",
		"pkgin -y in $PACKAGES", "pkgin -y in `cat list`", "pkgin -y in \"$@\"",
		"pkgin -d in nginx", "pkgin -n in nginx", "pkgin -c /chroot in nginx", "pkgin -y remove nginx", "pkgin list", "pkgin search x",
		"pkg_add -n nginx", "pkg_add -P /x nginx", "pkg_add -p /x nginx", "pkg_add -I nginx",
		"pkg_add ./nginx-1.26.tgz", "pkg_add nginx-1.26.tgz", "pkg_add https://x/All/nginx-1.26.tgz", "pkg_add /tmp/x",
		"pkgin -y in nginx &", "! pkgin -y in nginx", "pkgin -y in nginx || true", "pkgin -y in nginx || pkg_add nginx",
		"pkgin -y in nginx > /log", "pkgin -y in nginx | tee /log", "pkgin -y in nginx>=1.26",
		"pkg_delete nginx && pkgin -y in nginx", "rm -rf /usr/pkg && pkgin -y in nginx", "test -f /x && pkgin -y in nginx",
		"if true; then pkgin -y in nginx; fi", "(pkgin -y in nginx)", "for p in a b; do pkgin -y in $p; done", "sudo pkgin -y in nginx",
		"pkgin -y in nginx && cat >/x <<E\nx\nE", "pkgin -y in nginx && sh -c true && pkgin -y in a", "pkgin -y in a -- b",
	} {
		if patterns, rest, ok := Installs(command); ok {
			t.Errorf("%s: %q, rest %q", command, patterns, rest)
		}
	}
}

// FuzzInstalls: what is recognised can be asked for, and what is left is a
// command that installs nothing.
func FuzzInstalls(f *testing.F) {
	for _, s := range []string{"pkgin -y in a && b", "pkg_add 'a>1' || exit 1; c | d", "yes | pkgin in a", "A=b env C=d pkg_add -v x\nexport Y; z >q"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, command string) {
		patterns, rest, ok := Installs(command)
		if !ok && (patterns != nil || rest != "") {
			t.Errorf("%q, %q, and not ok", patterns, rest)
		}
		for _, p := range patterns {
			if _, err := parsePattern(p); err != nil {
				t.Errorf("%q: %v", p, err)
			}
		}
		if _, _, again := Installs(rest); again {
			t.Errorf("%q has packages to install", rest)
		}
	})
}
