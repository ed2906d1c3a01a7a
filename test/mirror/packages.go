package mirror

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
)

// programs are the Go programs of one architecture.
type programs struct{ userland, services []byte }

// makePackages returns the repository's packages, built.
func makePackages(arch string, p programs) ([]*pkg, error) {
	m := &maker{arch: arch, services: p.services}
	all := slices.Concat(m.web(), m.libraries(), m.databases(), m.managers(), m.troubles())
	for _, one := range all {
		if err := one.build(arch); err != nil {
			return nil, fmt.Errorf("make package %s: %w", one.name, err)
		}
	}
	return all, m.err
}

// A maker makes packages; the first error stays.
type maker struct {
	arch     string
	services []byte
	err      error
}

// read is an embedded file of ours.
func (m *maker) read(name string) []byte {
	b, err := fs.ReadFile(content, "content/pkg/"+name)
	if err != nil && m.err == nil {
		m.err = err
	}
	return b
}

// program puts a dynamic program, which is never run, and needs libraries of
// packages too.
func (m *maker) program(l list, name string, needed ...string) {
	o := program(needed...)
	o.rpath = prefix + "/lib"
	l.put(name, 0o755, o.build(m.arch))
}

// simple is a package with one dynamic program and nothing special.
func (m *maker) simple(name, dir, comment string) *pkg {
	p := &pkg{name: name, path: dir, comment: comment, files: list{}}
	m.program(p.files, "bin/"+path.Base(dir), "libc.so.12")
	p.requires = []string{"/lib/libc.so.12"}
	return p
}

func (m *maker) web() []*pkg {
	old := m.nginx("nginx-1.24.0nb3")
	devel := m.simple("nginx-devel-1.27.1", "www/nginx-devel", "Web server, development branch")
	devel.conflicts = []string{"nginx-[0-9]*"}
	caddy := &pkg{name: "caddy-2.8.4nb2", path: "www/caddy", comment: "Web server with automatic HTTPS", files: list{}}
	caddy.files.put("bin/caddy", 0o755, m.services)
	caddy.files.text("share/doc/caddy/README.md", 0o644, "# caddy\n")
	apache := func(name string) *pkg {
		p := m.simple(name, "www/apache", "Apache HTTP server")
		p.conflicts = []string{"apache-[0-9]*"}
		o := object{needed: []string{"libc.so.12"}}
		p.files.put("lib/httpd/mod_mime.so", 0o755, o.build(m.arch))
		p.files.text("share/examples/httpd/httpd.conf", 0o644, "LoadModule mime_module lib/httpd/mod_mime.so\n")
		p.tables = []string{"FILE: etc/httpd/httpd.conf c share/examples/httpd/httpd.conf 0644"}
		return p
	}
	mod := m.simple("ap24-demo-1.0", "www/ap-demo", "Module for Apache 2.4")
	mod.depends = []string{"apache>=2.4<2.5"}
	return []*pkg{m.nginx("nginx-1.26.2"), old, devel, caddy, apache("apache-2.2.34nb3"), apache("apache-2.4.62"), mod}
}

// nginx is a package with a user, folders and configuration files by tables,
// and one thing that only its script can do.
func (m *maker) nginx(name string) *pkg {
	l := list{}
	l.put("sbin/nginx", 0o755, m.services)
	module := object{needed: []string{"libpcre2-8.so.0", "libssl.so.15", "libc.so.12"}, rpath: prefix + "/lib"}
	l.put("lib/nginx/modules/ngx_mail_module.so", 0o755, module.build(m.arch))
	l.put("share/examples/nginx/conf/nginx.conf", 0o644, m.read("nginx.conf"))
	l.put("share/examples/nginx/conf/mime.types", 0o644, m.read("mime.types"))
	l.put("share/examples/nginx/html/index.html", 0o644, m.read("index.html"))
	l.put("share/examples/rc.d/nginx", 0o755, m.read("nginx.rc"))
	l.text("man/man8/nginx.8", 0o644, ".Dt NGINX 8\n")
	return &pkg{
		name: name, path: "www/nginx", comment: "Web server", files: l,
		depends: []string{"pcre2>=10.42"}, builtWith: []string{"pcre2-10.44"}, conflicts: []string{"nginx-devel-[0-9]*"},
		requires: []string{"/usr/pkg/lib/libpcre2-8.so.0", "/lib/libc.so.12", "/usr/lib/libssl.so.15", "/lib/libcrypto.so.15"},
		tables: []string{
			"GROUP: nginx",
			"USER: nginx:nginx::NGINX server user",
			"DIR: /usr/pkg/etc/nginx m",
			"DIR: /var/db/nginx m 0770 nginx nginx",
			"DIR: /var/log/nginx m",
			"FILE: /usr/pkg/etc/nginx/mime.types c /usr/pkg/share/examples/nginx/conf/mime.types 0644",
			"FILE: /usr/pkg/etc/nginx/nginx.conf c /usr/pkg/share/examples/nginx/conf/nginx.conf 0644",
			"FILE: /etc/rc.d/nginx cr /usr/pkg/share/examples/rc.d/nginx 0755",
		},
		own: string(m.read("nginx.own")),
	}
}

func (m *maker) libraries() []*pkg {
	pcre := func(name, version string) *pkg {
		p := &pkg{name: name, path: "devel/pcre2", comment: "Perl compatible regular expressions", files: list{}}
		o := object{needed: []string{"libc.so.12"}, rpath: prefix + "/lib"}
		p.files.object(m.arch, "lib/libpcre2-8.so."+version, o)
		o.needed = []string{"libpcre2-8.so.0", "libc.so.12"}
		p.files.object(m.arch, "lib/libpcre2-posix.so.3.0", o)
		m.program(p.files, "bin/pcre2grep", "libpcre2-8.so.0", "libz.so.1", "libc.so.12")
		p.files.text("include/pcre2.h", 0o644, "/* for tests */\n")
		p.files.text("lib/libpcre2-8.a", 0o644, "!<arch>\n")
		p.files.text("man/man3/pcre2.3", 0o644, ".Dt PCRE2 3\n")
		p.files.text("share/locale/de/LC_MESSAGES/pcre2.mo", 0o644, "\x95\x04\x12\xde")
		p.requires = []string{"/lib/libc.so.12", "/lib/libz.so.1"}
		p.provides = []string{"/usr/pkg/lib/libpcre2-8.so.0", "/usr/pkg/lib/libpcre2-posix.so.3"}
		return p
	}
	origin := &pkg{name: "origin-1.0", path: "misc/origin", comment: "Program with its library beside it", files: list{}}
	o := program("libbeside.so.1", "libc.so.12")
	o.rpath = "$ORIGIN/../lib/origin"
	origin.files.put("bin/origin", 0o755, o.build(m.arch))
	origin.files.object(m.arch, "lib/origin/libbeside.so.1.0", object{needed: []string{"libc.so.12"}})
	return []*pkg{pcre("pcre2-10.44", "0.13.0"), pcre("pcre2-10.40", "0.12.0"), origin}
}

func (m *maker) databases() []*pkg {
	mysql := m.simple("mysql-client-8.0.40", "databases/mysql-client", "MySQL's client")
	mysql.conflicts = []string{"mariadb-client-[0-9]*"}
	mariadb := m.simple("mariadb-client-11.4.3", "databases/mariadb-client", "MariaDB's client")
	mariadb.conflicts = []string{"mysql-client-[0-9]*"}
	admin := m.simple("dbadmin-1.0", "databases/dbadmin", "Program for either of two databases")
	admin.depends = []string{"{mysql,mariadb}-client>=8"}
	redis := &pkg{name: "redis-7.2.5", path: "databases/redis", comment: "Key-value store", files: list{}}
	redis.files.put("bin/redis-server", 0o755, m.services)
	redis.files.put("share/examples/redis/redis.conf", 0o644, m.read("redis.conf"))
	redis.files.put("share/examples/rc.d/redis", 0o755, m.read("redis.rc"))
	redis.tables = []string{
		"GROUP: redis:1004", "USER: redis:redis:1004:Redis pseudo-user:/var/db/redis:/sbin/nologin",
		"DIR: /var/db/redis mo 0700 redis redis",
		"FILE: etc/redis.conf c share/examples/redis/redis.conf 0640 root redis",
		"FILE: /etc/rc.d/redis cr share/examples/rc.d/redis 0755",
	}
	redis.dirs = []string{"share/redis/empty"}
	store := m.simple("keystore-2.0", "databases/keystore", "What was called oldstore")
	store.supersedes = []string{"oldstore-[0-9]*"}
	return []*pkg{mysql, mariadb, admin, redis, store}
}

// managers are what sailor and smolBSD put into every ship.
func (m *maker) managers() []*pkg {
	install := m.simple("pkg_install-20240821", "pkgtools/pkg_install", "Package management")
	for _, name := range []string{"pkg_add", "pkg_info", "pkg_admin", "pkg_delete"} {
		m.program(install.files, "sbin/"+name, "libutil.so.7", "libcrypto.so.15", "libz.so.1", "libc.so.12")
	}
	pkgin := m.simple("pkgin-23.8.1nb1", "pkgtools/pkgin", "Package manager for binary packages")
	m.program(pkgin.files, "bin/pkgin", "libssl.so.15", "libcrypto.so.15", "libc.so.12")
	pkgin.files.text("share/examples/pkgin/repositories.conf.example", 0o644, "# addresses of repositories\n")
	pkgin.depends = []string{"pkg_install>=20210710"}
	pkgin.tables = []string{"FILE: etc/pkgin/repositories.conf c share/examples/pkgin/repositories.conf.example 0644"}
	shell := m.simple("fish-3.7.1", "shells/fish", "A shell")
	shell.tables = []string{"SHELL: bin/fish"}
	setuid := m.simple("mtr-0.95", "net/mtr", "Program with more rights than its user")
	f := setuid.files["bin/mtr"]
	setuid.files["libexec/mtr-packet"] = file{kind: f.kind, mode: 0o755, body: f.body}
	setuid.lines = []string{"@mode 4711", "@owner root", "@group operator", "@exec mkdir -p /var/db/mtr"}
	setuid.tables = []string{"PERMS: libexec/mtr-packet 4711 root operator"}
	return []*pkg{
		install, pkgin, shell, setuid,
		m.simple("pkg_tarup-1.7.8", "pkgtools/pkg_tarup", "Makes a package of what is installed"),
		m.simple("sqlite3-3.46.1", "databases/sqlite3", "Database in a file"),
		m.simple("curl-8.10.1", "www/curl", "Client for URLs"),
		m.simple("rsync-3.3.0", "net/rsync", "Copies folders"),
		m.simple("nodejs-20.17.0", "lang/nodejs", "JavaScript"),
		m.simple("nodejs-22.8.0", "lang/nodejs", "JavaScript"),
	}
}

// troubles are packages that can't be installed, each for a reason of its
// own; but "signed" can.
func (m *maker) troubles() []*pkg {
	var all []*pkg
	for name, d := range map[string]damage{
		"badsum-1.0": badSum, "badlist-1.0": badList, "climbing-1.0": climbing, "cut-1.0": cut, "signed-1.0": signed,
	} {
		p := m.simple(name, "misc/"+name[:len(name)-len("-1.0")], "Package for a test")
		p.damage = d
		all = append(all, p)
	}
	lonely := m.simple("lonely-1.0", "misc/lonely", "Package whose dependency is not there")
	lonely.depends = []string{"no-such-package>=1.0"}
	abi := m.simple("oldabi-1.0", "misc/oldabi", "Package of another release")
	abi.requires = []string{"/usr/lib/libssl.so.14", "/lib/libc.so.12"}
	first := m.simple("circle-a-1.0", "misc/circle-a", "Package that needs one that needs it")
	first.depends = []string{"circle-b>=1"}
	second := m.simple("circle-b-1.0", "misc/circle-b", "Package that needs one that needs it")
	second.depends = []string{"circle-a>=1"}
	return append(all, lonely, abi, first, second)
}
