package debian

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// base are files that most scripts count on.
var base = []file{
	{name: "./etc/"},
	{name: "./etc/passwd", body: "root:*:0:0:root:/root:/bin/bash\nwww-data:*:33:33:www:/var/www:/usr/sbin/nologin\n", mode: 0o644},
	{name: "./etc/group", body: "root:*:0:\nadm:*:4:\nwww-data:*:33:\nnogroup:*:65534:\n", mode: 0o644},
	{name: "./usr/bin/tool", body: "#!/bin/sh\n"},
	{name: "./usr/bin/other", body: "#!/bin/sh\n"},
	{name: "./usr/share/x/conf", body: "a=1\nb=2\n", mode: 0o644},
	{name: "./var/lib/"},
}

func TestScripts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		script string
		want   []string // entries that must be there
		text   map[string]string
	}{
		{
			name: "folders, owners and modes",
			script: `if [ "$1" = configure ] && [ -z "$2" ]; then
				mkdir -p /var/lib/x/deep; chown -R www-data:adm /var/lib/x; chmod 2750 /var/lib/x
				install -d -o www-data -g adm -m 0700 /var/log/x
				chmod u=rwx,g=rX,o= /var/lib/x/deep; fi`,
			want: []string{"/var/lib/x dir 2750 33:4", "/var/lib/x/deep dir 0750 33:4", "/var/log/x dir 0700 33:4"},
		},
		{
			name:   "files by redirection",
			script: `umask 077; echo one > /etc/x; printf '%s\n' two >> /etc/x; cat <<EOF > /etc/y` + "\n$(cut -d= -f2 /usr/share/x/conf | sort -r)\nEOF\n",
			want:   []string{"/etc/x file 0600 0:0", "/etc/y file 0600 0:0"},
			text:   map[string]string{"/etc/x": "one\ntwo\n", "/etc/y": "2\n1\n"},
		},
		{
			name:   "links",
			script: `ln -s /etc/hosts /etc/h; ln -sf conf /etc/h; mkdir -p /opt/a; ln -sfn b /opt/link; ln -sfn a /opt/link; ln -sr /usr/bin/tool /opt/a/tool`,
			want:   []string{"/etc/h link 0777 0:0 -> conf", "/opt/link link 0777 0:0 -> a", "/opt/a/tool link 0777 0:0 -> ../../usr/bin/tool"},
		},
		{
			name: "users and groups",
			script: `if ! getent passwd srv >/dev/null; then adduser --quiet --system --group --home /var/lib/srv --no-create-home srv; fi
				addgroup --system extra; adduser srv extra; groupadd -r -g 555 fixed; useradd -r -g fixed -d /nonexistent -s /bin/false made
				adduser --system --ingroup www-data --home /var/lib/web web; chown srv: /etc/passwd; test "$(id -u srv)" = 100 && touch /etc/ok`,
			want: []string{"/etc/ok file 0644 0:0", "/etc/passwd file 0644 100:100", "/var/lib/web dir 0755 103:33"},
			text: map[string]string{
				"/etc/passwd": "root:*:0:0:root:/root:/bin/sh\nwww-data:*:33:33:www:/var/www:/usr/sbin/nologin\n" +
					"srv:*:100:100::/var/lib/srv:/usr/sbin/nologin\nmade:*:102:555::/nonexistent:/bin/false\nweb:*:103:33::/var/lib/web:/usr/sbin/nologin\n",
				"/etc/group": "root:*:0:\nadm:*:4:\nwww-data:*:33:\nnogroup:*:65534:\nsrv:x:100:\nextra:x:101:srv\nfixed:x:555:\n",
			},
		},
		{
			name:   "lines of accounts that are no accounts",
			script: `printf '# ours\n+@net\nlast:x:9:\n+\n' >> /etc/group; addgroup --system extra; adduser www-data extra`,
			text:   map[string]string{"/etc/group": "root:*:0:\nadm:*:4:\nwww-data:*:33:\nnogroup:*:65534:\n# ours\nextra:x:100:www-data\n+@net\nlast:x:9:\n+\n"},
		},
		{
			name: "sysusers and tmpfiles",
			script: `printf 'u daemonic - "A daemon" /var/lib/d\nm daemonic adm\ng crew 77\n' | systemd-sysusers -
				printf 'd /run/d 0750 daemonic crew -\nf /run/d/file 0600 - - - text\nh /run/%%m - - - - +C\nz /run/%%m 0700\n' > /etc/d.conf; systemd-tmpfiles --create /etc/d.conf`,
			want: []string{"/run/d dir 0750 100:77", "/run/d/file file 0600 0:0"},
			text: map[string]string{"/run/d/file": "text"},
		},
		{
			name: "alternatives",
			script: `update-alternatives --install /usr/bin/t t /usr/bin/tool 10 --slave /usr/share/t t.1 /usr/share/x/conf
				update-alternatives --install /usr/bin/t t /usr/bin/other 5`,
			want: []string{
				"/etc/alternatives/t link 0777 0:0 -> /usr/bin/tool", "/usr/bin/t link 0777 0:0 -> /etc/alternatives/t",
				"/usr/share/t link 0777 0:0 -> /etc/alternatives/t.1",
			},
		},
		{
			name: "dpkg's own",
			script: `dpkg --compare-versions "$2" lt 2 && touch /etc/older; dpkg --compare-versions "$2" lt-nl 2 || touch /etc/fresh
				dpkg-statoverride --update --add www-data adm 0640 /usr/share/x/conf; dpkg-statoverride --list /usr/share/x/conf && touch /etc/listed
				ucf --three-way /usr/share/x/conf /etc/new/conf`,
			want: []string{
				"/etc/older file 0644 0:0", "/etc/fresh file 0644 0:0", "/etc/listed file 0644 0:0",
				"/usr/share/x/conf file 0640 33:4", "/etc/new/conf file 0640 33:4",
			},
		},
		{
			name:   "debconf",
			script: `. /usr/share/debconf/confmodule; db_get x/port; echo "$RET" > /etc/port; db_set x/port 99; db_input high x/port || true; db_go; db_get x/port; echo "$RET" >> /etc/port; db_stop`,
			text:   map[string]string{"/etc/port": "80\n99\n"},
		},
		{
			name:   "what is known to have no effect",
			script: `ldconfig; deb-systemd-helper enable x.service; invoke-rc.d x start || exit 1; if command -v update-menus >/dev/null; then touch /etc/wrong; fi`,
		},
		{
			name: "sed",
			script: `sed s/a/x/ /usr/share/x/conf > /etc/1; sed -i -e 's,=\([0-9]\),: <\1&>,g' -e /b/d /usr/share/x/conf
				printf 'one two\nthree\n' | sed -n 's/[aeiou]/-/gp; /th/p' > /etc/2; echo a.b/c | sed -E 's/(x|a)\.|\//\n/' > /etc/3`,
			text: map[string]string{
				"/etc/1": "x=1\nb=2\n", "/usr/share/x/conf": "a: <1=1>\n", "/etc/2": "-n- tw-\nthr--\nthr--\n", "/etc/3": "\nb/c\n",
			},
		},
		{
			name: "sed of some lines",
			script: `printf '1\n2\n\n4\n5\n' > /etc/in; sed -ne '2,/4/p' -e'$p' /etc/in > /etc/1; sed '0,/^1/s/1/one/;/^$/,$!d;$q' /etc/in > /etc/2
				sed -i.bak -e '3,2d' /etc/in; sed '/2/,1d; # and so on
				2q' /etc/in > /etc/3`,
			text: map[string]string{"/etc/1": "2\n\n4\n5\n", "/etc/2": "\n4\n5\n", "/etc/in": "1\n2\n4\n5\n", "/etc/in.bak": "1\n2\n\n4\n5\n", "/etc/3": "1\n4\n5\n"},
		},
		{
			name: "find and xargs",
			script: `mkdir -p /srv/a/b /srv/a.d /srv/empty; touch /srv/a/b/none; echo x > /srv/a/b/some; chown 33 /srv/a; cd /srv
				find /srv -name 'a*' > /etc/1; find a -maxdepth 1 ! -uid 0 -o -type f > /etc/2; find . -mindepth 2 \( -name none -o -name b \) -print | sort > /etc/3
				find /srv -type d -empty -delete; find /srv -type f -exec chmod 600 {} \; ; find /srv -user 33 -print0 | xargs -0 -r chown root:adm
				find /nowhere && touch /etc/wrong; find /srv -name none -print0 | xargs -r -0 rm`,
			want: []string{"/srv/a dir 0755 0:4", "/srv/a/b/some file 0600 0:0"},
			text: map[string]string{"/etc/1": "/srv/a\n/srv/a.d\n", "/etc/2": "a\n", "/etc/3": "./a/b\n./a/b/none\n"},
		},
		{
			name: "looking at files",
			script: `cd /usr/share/x; stat -c '%U %g %a %n' conf > /etc/1; ls /usr/bin | wc -l > /etc/2; ls -d conf none > /etc/3 || true
				printf 'b c d\nb c d\na  x\n' | tee /etc/4 | uniq -c | awk '{ print $2 }' > /etc/5; awk -F= '/^b/{print $2}' conf > /etc/6; tail -n1 conf > /etc/7
				head -c 2 conf | cut -b -1 > /etc/8; echo a:b:c:d | cut -d : -f2-3 > /etc/9; expr 4 - 1 > /etc/10; expr 1 - 1 || expr a = a > /etc/11
				date -u > /etc/12; date -d "$(date)" '+%F %T %s %d.%b' > /etc/13`,
			text: map[string]string{
				"/etc/1": "root 0 644 conf\n", "/etc/2": "2\n", "/etc/3": "conf\n", "/etc/4": "b c d\nb c d\na  x\n", "/etc/5": "b\na\n",
				"/etc/6": "2\n", "/etc/7": "b=2\n", "/etc/8": "a\n", "/etc/9": "b:c\n", "/etc/10": "3\n", "/etc/11": "1\n",
				"/etc/12": "Thu Jan  1 00:00:00 UTC 1970\n", "/etc/13": "1970-01-01 00:00:00 0 01.Jan\n",
			},
		},
		{
			name: "scripts that it calls",
			script: `printf '#!/bin/sh -e\necho "$1 $A $B $PWD $# $(cat)"; touch made; false; touch /etc/wrong' > /usr/bin/inner; chmod +x /usr/bin/inner
				A=1; export B=2; cd /var/lib; echo in | inner x y > /etc/1 || echo $? > /etc/2; sh -e -c 'echo "$0 $1" > /etc/3' zero one; bash /usr/bin/tool`,
			want: []string{"/var/lib/made file 0644 0:0"},
			text: map[string]string{"/etc/1": "x  2 /var/lib 2 in\n", "/etc/2": "1\n", "/etc/3": "zero one\n"},
		},
		{
			name: "what dpkg knows",
			script: `dpkg -L x | grep conf > /etc/1; dpkg -S '/usr/bin/t*' > /etc/2; dpkg -s x:amd64 | grep -E '^(Package|Status)' > /etc/3; dpkg -l y || echo none > /etc/4
				md5sum /usr/share/x/conf > /etc/sums; md5sum -c --status /etc/sums && touch /etc/same; echo >> /usr/share/x/conf; md5sum -c --status /etc/sums || touch /etc/other`,
			want: []string{"/etc/same file 0644 0:0", "/etc/other file 0644 0:0"},
			text: map[string]string{"/etc/1": "/usr/share/x/conf\n", "/etc/2": "x: /usr/bin/tool\n", "/etc/3": "Package: x\nStatus: install ok installed\n", "/etc/4": "none\n"},
		},
		{
			name: "failures that are asked for",
			script: `set -e
				if true; then false && touch /etc/wrong; fi
				case x in x) for i in 1 2; do [ $i = 3 ] && touch /etc/wrong; done ;; esac
				{ false && touch /etc/wrong; } || touch /etc/alternative
				f() { false && touch /etc/wrong; }
				if true; then f || touch /etc/function; fi; while ! [ -e /etc/once ]; do touch /etc/once; [ -e /etc/none ] && touch /etc/wrong; done; touch /etc/end`,
			want: []string{"/etc/alternative file 0644 0:0", "/etc/function file 0644 0:0", "/etc/end file 0644 0:0"},
		},
		{
			name:   "what fails as it would on any system",
			script: `chown nobody-knows /etc/passwd 2>/dev/null || adduser --system nobody-knows; mkdir /etc || touch /etc/ok; cp /none /etc/wrong || ln /etc/passwd /etc/group || cat /etc/none || usermod -aG adm www-data`,
			want:   []string{"/etc/ok file 0644 0:0"},
			text:   map[string]string{"/etc/group": "root:*:0:\nadm:*:4:www-data\nwww-data:*:33:\nnogroup:*:65534:\n"},
		},
		{
			name:   "a file with two names",
			script: `ln /usr/share/x/conf /etc/two; echo c=3 >> /etc/two; ln /usr/share/x/conf /etc/three; echo d=4 > /usr/share/x/conf`,
			want:   []string{"/usr/share/x/conf file 0644 0:0", "/etc/two hardlink 0777 0:0 -> /usr/share/x/conf"},
			text:   map[string]string{"/usr/share/x/conf": "d=4\n", "/etc/two": "d=4\n", "/etc/three": "d=4\n"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctl := map[string]string{
				"postinst":  "#!/bin/sh\n" + tt.script,
				"templates": "Template: x/port\nType: string\nDefault: 80\n",
			}
			tr, r := install(t, ctl, base)
			for _, w := range tt.want {
				p, _, _ := strings.Cut(w, " ")
				if e, _ := tr.Get(p); line(e) != w {
					t.Errorf("got  %s\nwant %s", line(e), w)
				}
			}
			for p, want := range tt.text {
				b, err := tr.ReadFile(p, 1<<20)
				if diff := cmp.Diff(want, string(b)); diff != "" {
					t.Errorf("%s: %v\n%s", p, err, diff)
				}
			}
			if diff := cmp.Diff([]string(nil), unknown(r)); diff != "" || len(r.Scripts) > 0 {
				t.Errorf("%d scripts for the guest\n%s", len(r.Scripts), diff)
			}
			if _, ok := tr.Get("/etc/wrong"); ok {
				t.Error("/etc/wrong is there")
			}
		})
	}
}

// TestScriptThatTakesTooLong stops within a script: what was done until then
// is no tree that anybody may keep.
func TestScriptThatTakesTooLong(t *testing.T) {
	s := &Source{Dir: t.TempDir()}
	ctl := map[string]string{"control": "Package: x\n", "postinst": "#!/bin/bash\nwhile [[ 1 ]]; do a=b; done\n"}
	p := download(t, s, "x", makeDeb(t, ".gz", ctl, base))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, r, err := s.Tree(ctx, []source.Package{p}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Tree = %v, %v; want %v", r, err, context.DeadlineExceeded)
	}
}

// unknown returns the notes on what was not done.
func unknown(r source.Report) []string {
	var all []string
	for _, n := range r.Notes {
		if !n.Known {
			all = append(all, n.String())
		}
	}
	return all
}

// TestScriptsStayInTheTree runs a script that tries to touch the host.
func TestScriptsStayInTheTree(t *testing.T) {
	dir := t.TempDir()
	secret := dir + "/secret"
	if err := os.WriteFile(secret, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho x > " + dir + "/made\nrm -f " + secret + "\n. " + secret + "\ncat " + secret + " > /leak\ntouch " + dir +
		"/touched\nfor f in " + dir + "/*; do echo $f; done > /list\n/bin/rm -rf " + dir + "\ncd " + dir + " && touch /cd\n[ -e " + secret + " ] && touch /seen\n"
	tr, _ := install(t, map[string]string{"postinst": script}, base)
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "secret" {
		t.Errorf("the folder of the host holds %v, %v", left, err)
	}
	for _, p := range []string{"/leak", "/list"} {
		if b, err := tr.ReadFile(p, 1000); err == nil && strings.Contains(string(b), "secret"+"\n") || strings.Contains(string(b), "s3cret") {
			t.Errorf("%s has %q", p, b)
		}
	}
	for _, p := range []string{"/cd", "/seen"} {
		if _, ok := tr.Get(p); ok {
			t.Errorf("%s is there: the script saw the host", p)
		}
	}
}

func TestCertificates(t *testing.T) {
	files := slices.Concat(base, []file{
		{name: "./usr/share/ca-certificates/m/A.crt", body: "AAA"},
		{name: "./usr/share/ca-certificates/m/B.crt", body: "BBB\n"},
		{name: "./etc/ca-certificates.conf", body: "m/B.crt\n!m/A.crt\n"},
	})
	tr, r := install(t, map[string]string{"postinst": "#!/bin/sh\nupdate-ca-certificates\n"}, files)
	var got []string
	for _, e := range tr.Below("/etc/ssl/certs") {
		if e.Type != tree.Dir {
			got = append(got, line(e))
		}
	}
	want := []string{
		"/etc/ssl/certs/B.pem link 0777 0:0 -> /usr/share/ca-certificates/m/B.crt",
		"/etc/ssl/certs/ca-certificates.crt file 0644 0:0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string(nil), unknown(r)); diff != "" {
		t.Error(diff)
	}
}
