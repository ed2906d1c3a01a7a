package accounts

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/db185"
	"github.com/fakecracker/fakecracker/internal/tree"
)

var t0 = time.Unix(1700000000, 0).UTC()

// loaded returns a tree with these files below /etc, and its accounts.
func loaded(t *testing.T, files map[string]string) (*tree.Tree, *DB) {
	t.Helper()
	var tr tree.Tree
	for name, text := range files {
		if err := tr.Put(tree.NewFile("/etc/"+name, 0o640, []byte(text), t0, "test")); err != nil {
			t.Fatal(err)
		}
	}
	db, err := Load(&tr)
	if err != nil {
		t.Fatal(err)
	}
	return &tr, db
}

func text(t *testing.T, tr *tree.Tree, p string) string {
	t.Helper()
	b, err := tr.ReadFile(p, maxFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	netbsd = map[string]string{
		"master.passwd": "root:$2a$x:0:0::0:0:Charlie &:/root:/bin/sh\n# a remark\nnobody:*:32767:39::0:0:Unprivileged user:/nonexistent:/sbin/nologin\n+\n",
		"group":         "wheel:*:0:root\nnobody:*:39:\nusers:*:100:\n",
	}
	linux = map[string]string{
		"passwd": "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n",
		"shadow": "root:$6$x:19000:0:99999:7:::\nwww-data:*:19000:0:99999:7:::\n",
		"group":  "root:x:0:\nwww-data:x:33:\nshadow:x:42:\nusers:x:100:\n",
	}
)

func TestLookup(t *testing.T) {
	_, db := loaded(t, linux)
	for spec, want := range map[string][2]uint32{
		"root": {0, 0}, "www-data": {33, 33}, "www-data:": {33, 33}, "33": {33, 33}, "www-data:users": {33, 100},
		"1000": {1000, 1000}, "1000:5": {1000, 5}, "33:0": {33, 0}, "7:shadow": {7, 42},
	} {
		uid, gid, err := db.Lookup(spec)
		if got := [2]uint32{uid, gid}; err != nil || got != want {
			t.Errorf("Lookup(%q) = %v, %v; want %v", spec, got, err, want)
		}
	}
	for spec, want := range map[string]string{
		"nginx": `the owner "nginx": there is no user "nginx"`, "root:wheel": `no group "wheel"`,
		"": `no user ""`, ":users": `no user ""`, "-1": `no user "-1"`, "5000000000": "no user",
	} {
		if uid, gid, err := db.Lookup(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Lookup(%q) = %d, %d, %v; want %s", spec, uid, gid, err, want)
		}
	}
}

func TestAddNetBSD(t *testing.T) {
	tr, db := loaded(t, netbsd)
	gid, err := db.AddGroup("nginx", 0)
	if err != nil || gid != 1000 {
		t.Fatalf("the group nginx is %d, %v; want 1000", gid, err)
	}
	for _, u := range []User{
		{Name: "nginx", Group: "nginx", Home: "/var/db/nginx", Gecos: "nginx user"},
		{Name: "alice", Shell: "/bin/ksh", Groups: []string{"wheel", "nginx"}},
		{Name: "nobody"}, // exists
		{Name: "fixed", UID: 500, Group: "39"},
	} {
		if err := db.AddUser(u); err != nil {
			t.Fatal(err)
		}
	}
	if err := tr.Put(tree.Entry{Path: "/etc/pwd.db", Type: tree.File, Mode: 0o666, ModTime: t0}); err != nil {
		t.Fatal(err)
	}
	if err := db.Store(tr, t0, "why"); err == nil || !strings.Contains(err.Error(), "line 2: \"# a remark\" has 1 fields") {
		t.Fatalf("a remark, which pwd_mkdb refuses: %v", err)
	}
	db.users.lines = append(db.users.lines[:1], db.users.lines[2:]...)
	if err := db.Store(tr, t0, "why"); err != nil {
		t.Fatal(err)
	}
	want := `root:$2a$x:0:0::0:0:Charlie &:/root:/bin/sh
nobody:*:32767:39::0:0:Unprivileged user:/nonexistent:/sbin/nologin
nginx:*:1000:1000::0:0:nginx user:/var/db/nginx:/sbin/nologin
alice:*:1001:100::0:0::/home/alice:/bin/ksh
fixed:*:500:39::0:0::/home/fixed:/sbin/nologin
+
`
	if diff := cmp.Diff(want, text(t, tr, masterFile)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("wheel:*:0:root,alice\nnobody:*:39:\nusers:*:100:\nnginx:*:1000:alice\n", text(t, tr, groupFile)); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(text(t, tr, passwdFile), "$2a$x") || strings.Contains(text(t, tr, dbFile), "$2a$x") {
		t.Error("a file for everybody has root's password")
	}
	modes := make(map[string]uint32)
	for _, e := range tr.All() {
		modes[e.Path] = e.Mode
	}
	wantModes := map[string]uint32{groupFile: 0o640, masterFile: 0o600, passwdFile: 0o644, dbFile: 0o644, secureFile: 0o600}
	if diff := cmp.Diff(wantModes, modes); diff != "" {
		t.Error(diff)
	}
}

func TestAddLinux(t *testing.T) {
	tr, db := loaded(t, linux)
	db.First, db.Last = 100, 999
	for _, u := range []User{{Name: "redis", Home: "/var/lib/redis"}, {Name: "app", UID: 2000, Groups: []string{"redis"}}} {
		if err := db.AddUser(u); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Store(tr, t0, "why"); err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]string{
		passwdFile: linux["passwd"] + "redis:x:101:101::/var/lib/redis:/usr/sbin/nologin\napp:x:2000:2000::/home/app:/usr/sbin/nologin\n",
		groupFile:  linux["group"] + "redis:x:101:app\napp:x:2000:\n",
		shadowFile: linux["shadow"] + "redis:*::0:99999:7:::\napp:*::0:99999:7:::\n",
	} {
		if diff := cmp.Diff(want, text(t, tr, p)); diff != "" {
			t.Errorf("%s\n%s", p, diff)
		}
	}
}

func TestConflicts(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(db *DB) error
		want string
	}{
		"user's number":    {func(db *DB) error { return db.AddUser(User{Name: "www-data", UID: 34}) }, "it exists with the number 33, not 34"},
		"group's number":   {func(db *DB) error { _, err := db.AddGroup("users", 5); return err }, "it exists with the number 100, not 5"},
		"number in use":    {func(db *DB) error { return db.AddUser(User{Name: "x", UID: 33}) }, "the user www-data has the number 33 already"},
		"group's in use":   {func(db *DB) error { _, err := db.AddGroup("x", 33); return err }, "the group www-data has the number 33 already"},
		"no group":         {func(db *DB) error { return db.AddUser(User{Name: "x", Group: "no"}) }, `there is no group "no"`},
		"no further group": {func(db *DB) error { return db.AddUser(User{Name: "x", Groups: []string{"no"}}) }, "there is no such group"},
		"member":           {func(db *DB) error { return db.Join("x", "users") }, "there is no such user"},
		"name":             {func(db *DB) error { return db.AddUser(User{Name: "a:b"}) }, "it is no name"},
		"option":           {func(db *DB) error { _, err := db.AddGroup("-f", 0); return err }, "it is no name"},
		"number as name":   {func(db *DB) error { return db.AddUser(User{Name: "12"}) }, "it is a number, not a name"},
		"long name":        {func(db *DB) error { return db.AddUser(User{Name: strings.Repeat("x", 33)}) }, "from 1 to 32 bytes, not 33"},
		"field":            {func(db *DB) error { return db.AddUser(User{Name: "x", Gecos: "a:b"}) }, "can't stand in a field"},
		"full": {func(db *DB) error {
			db.First, db.Last = 33, 33
			return db.AddUser(User{Name: "x"})
		}, "all numbers from 33 to 33 are taken"},
		"big number": {func(db *DB) error { return db.AddUser(User{Name: "x", UID: 1 << 31, Group: "root"}) }, "is more than 2147483647"},
	} {
		_, db := loaded(t, linux)
		if err := tt.do(db); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", name, err, tt.want)
		}
	}
}

func TestDefault(t *testing.T) {
	for _, os := range []string{NetBSD, Linux} {
		tr, db := loaded(t, nil)
		if err := db.AddUser(User{Name: "x"}); err == nil {
			t.Error("a user is added to a tree of no system")
		}
		if err := db.Store(tr, t0, "why"); err == nil {
			t.Error("accounts of no system are stored")
		}
		if err := db.Default(os); err != nil {
			t.Fatal(err)
		}
		if err := db.AddUser(User{Name: "x"}); err != nil {
			t.Fatal(err)
		}
		if err := db.Store(tr, t0, "why"); err != nil {
			t.Fatal(err)
		}
		again, err := Load(tr)
		if err != nil {
			t.Fatal(err)
		}
		uid, _, err := again.Lookup("x")
		if err != nil || uid < 1000 || again.OS != os {
			t.Errorf("%s: x is %d, %v, on %s", os, uid, err, again.OS)
		}
	}
	_, db := loaded(t, netbsd)
	if err := db.Default(Linux); err == nil {
		t.Error("NetBSD's accounts become Linux's")
	}
	if err := db.Default("plan9"); err == nil {
		t.Error("accounts of plan9")
	}
	tr, db := loaded(t, map[string]string{"passwd": "me:x:5:6:I:/me:/bin/sh\n", "group": "we:*:6:\n"})
	if err := db.Default(NetBSD); err != nil {
		t.Fatal(err)
	}
	if err := db.Store(tr, t0, "why"); err != nil {
		t.Fatal(err)
	}
	if got, want := text(t, tr, masterFile), "me:*:5:6::0:0:I:/me:/bin/sh\n"; got != want {
		t.Errorf("master.passwd is %q; want %q", got, want)
	}
}

func TestStoreKeepsWhatIsTheSame(t *testing.T) {
	tr, db := loaded(t, linux)
	if err := db.Store(tr, t0.Add(time.Hour), "why"); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{passwdFile, shadowFile, groupFile} {
		if e, _ := tr.Get(p); e.Why != "test" || !e.ModTime.Equal(t0) {
			t.Errorf("%s was written anew", p)
		}
	}
}

// TestDatabases reads the databases as getpwent.c does.
func TestDatabases(t *testing.T) {
	master := "root:hash:0:0:daemon:1:2:Charlie &:/root:/bin/sh\ntoor:*:0:0::0:0:Bourne:/root:\n" +
		"root:second:0:0::0:0::/:/bin/sh\n+@staff:::::::::\n"
	passwd, insecure, secure, err := Databases([]byte(master))
	if err != nil {
		t.Fatal(err)
	}
	wantPasswd := "root:*:0:0:Charlie &:/root:/bin/sh\ntoor:*:0:0:Bourne:/root:\nroot:*:0:0::/:/bin/sh\n+@staff:*:0:0:::\n"
	if diff := cmp.Diff(wantPasswd, string(passwd)); diff != "" {
		t.Error(diff)
	}
	const (
		zero4, zero8 = "\x00\x00\x00\x00", "\x00\x00\x00\x00\x00\x00\x00\x00"
		ids          = zero4 + zero4
	)
	for name, tt := range map[string]struct {
		db       []byte
		password string
	}{"pwd.db": {insecure, "*"}, "spwd.db": {secure, "hash"}} {
		root := "root\x00" + tt.password + "\x00" + ids + "\x01" + zero8[1:] + "daemon\x00Charlie &\x00/root\x00/bin/sh\x00\x02" + zero8[1:] + zero4
		toor := "toor\x00*\x00" + ids + zero8 + "\x00Bourne\x00/root\x00\x00" + zero8 + zero4
		second := "root\x00" + strings.Replace(tt.password, "hash", "second", 1) + "\x00" + ids + zero8 + "\x00\x00/\x00/bin/sh\x00" + zero8 + zero4
		staff := "+@staff\x00" + strings.Replace(tt.password, "hash", "", 1) + "\x00" + ids + zero8 + "\x00\x00\x00\x00" + zero8 + "\x0f\x00\x00\x00"
		want := map[string]string{
			"VERSION\x00": "\x01\x00\x00\x00", "__YP!": "",
			"1root": root, "1toor": toor, "1+@staff": staff, "3" + zero4: root,
			"2\x01" + zero4[1:]: root, "2\x02" + zero4[1:]: toor, "2\x03" + zero4[1:]: second, "2\x04" + zero4[1:]: staff,
		}
		f, err := db185.Open(tt.db)
		if err != nil {
			t.Fatal(err)
		}
		all, err := f.All()
		if err != nil {
			t.Fatal(err)
		}
		got := make(map[string]string)
		for _, p := range all {
			got[string(p.Key)] = string(p.Data)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s\n%s", name, diff)
		}
	}
}

func TestDatabasesRefuse(t *testing.T) {
	for l, want := range map[string]string{
		"":                                 "has 1 fields",
		"root:x:0:0:root:/root:/bin/sh":    "has 7 fields, not the 10",
		"root:x:1:0::0:0::/:":              "the number of root is 1, not 0",
		"a:x:-1:0::0:0::/:":                "user a: -1 is not a number from 0 to",
		"a:x:4294967295:0::0:0::/:":        "is not a number from 0 to 2147483647",
		"a:x:0b1:0::0:0::/:":               `"0b1" is not a number`,
		"a:x:1:0::never:0::/:":             `"never" is not a number`,
		"seventeen-letters:x:1:0::0:0::/:": "longer than 16 bytes",
		"a:" + strings.Repeat("x", 2100) + ":1:0::0:0::/:": "are more than 2046",
	} {
		if _, _, _, err := Databases([]byte(l + "\n")); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%q: %v; want %q", l, err, want)
		}
	}
}

func FuzzDatabases(f *testing.F) {
	f.Add([]byte(netbsdUsers))
	f.Add([]byte(netbsd["master.passwd"]))
	f.Fuzz(func(t *testing.T, master []byte) {
		passwd, insecure, secure, err := Databases(master)
		if err != nil {
			return
		}
		if n := strings.Count(string(passwd), "\n"); n != len(parse(master, masterFields).lines) {
			t.Errorf("%d lines of passwd", n)
		}
		for _, b := range [][]byte{insecure, secure} {
			db, err := db185.Open(b)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok, err := db.Get([]byte(versionKey)); !ok || err != nil {
				t.Fatal("no version", err)
			}
		}
	})
}

func TestEntries(t *testing.T) {
	for _, files := range []map[string]string{netbsd, linux} {
		_, db := loaded(t, files)
		all := db.Entries("passwd")
		l, ok := db.Entry("passwd", "0")
		if len(all) != 2 || !ok || l != all[0] || strings.Count(l, ":") != passwdFields-1 || strings.Contains(l, "$") {
			t.Errorf("%s: root is %q among %q", db.OS, l, all)
		}
		if l, ok := db.Entry("passwd", "nowhere"); ok {
			t.Errorf("%s: nowhere is %q", db.OS, l)
		}
	}
	_, db := loaded(t, linux)
	for database, want := range map[string]string{"group": "users:x:100:", "shadow": "www-data:*:19000:0:99999:7:::", "hosts": ""} {
		var got string
		for _, key := range []string{"100", "www-data"} {
			if l, ok := db.Entry(database, key); ok {
				got = l
				break
			}
		}
		if got != want {
			t.Errorf("the %s entry is %q; want %q", database, got, want)
		}
	}
}

func TestModify(t *testing.T) {
	change := func(u *User) { u.Password, u.Gecos, u.Home, u.Shell = "!"+u.Password, "New", u.Home+"/x", "/bin/sh" }
	tr, db := loaded(t, linux)
	if err := db.Modify("www-data", change); err != nil {
		t.Fatal(err)
	}
	if err := db.AddUser(User{Name: "sys", UID: 101, System: true}); err != nil {
		t.Fatal(err)
	}
	if err := db.Store(tr, t0, "why"); err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]string{
		passwdFile: "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33:New:/var/www/x:/bin/sh\nsys:x:101:101::/home/sys:/usr/sbin/nologin\n",
		shadowFile: "root:$6$x:19000:0:99999:7:::\nwww-data:!*:19000:0:99999:7:::\nsys:!:::::::\n",
	} {
		if diff := cmp.Diff(want, text(t, tr, p)); diff != "" {
			t.Errorf("%s\n%s", p, diff)
		}
	}
	_, db = loaded(t, netbsd)
	if err := db.Modify("root", change); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(db.users.lines[0], ":"), "root:!$2a$x:0:0::0:0:New:/root/x:/bin/sh"; got != want {
		t.Errorf("root is %s; want %s", got, want)
	}
	if err := db.Modify("nowhere", change); err == nil || !strings.Contains(err.Error(), "no such user") {
		t.Errorf("Modify = %v", err)
	}
	before := strings.Join(db.users.lines[0], ":")
	err := db.Modify("root", func(u *User) { u.Home, u.Shell = "/x", "a:b" })
	if err == nil || strings.Join(db.users.lines[0], ":") != before {
		t.Errorf("Modify = %v, and root is %q", err, db.users.lines[0])
	}
}
