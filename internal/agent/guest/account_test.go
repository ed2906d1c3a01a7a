//go:build linux || netbsd

package guest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	testPasswd = `root:x:0:0:root:/root:/bin/sh
# a comment
broken:line
www:*:33:33:www:/var/www:/sbin/nologin
homeless:*:44:100::
huge:*:99999999999:1::/:
`
	testGroup = `wheel:*:0:root
www:*:33:
tape:*:26:www,root
ssl:*:27:other,www
`
)

func TestResolve(t *testing.T) {
	tests := []struct {
		user string
		want account
		err  string
	}{
		{"", account{name: "root", home: "/root", groups: []uint32{26}}, ""},
		{"www", account{name: "www", uid: 33, gid: 33, groups: []uint32{26, 27}, home: "/var/www"}, ""},
		{"33", account{name: "www", uid: 33, gid: 33, groups: []uint32{26, 27}, home: "/var/www"}, ""},
		{"www:wheel", account{name: "www", uid: 33, gid: 0, home: "/var/www"}, ""},
		{"www:7", account{name: "www", uid: 33, gid: 7, home: "/var/www"}, ""},
		{"homeless", account{name: "homeless", uid: 44, gid: 100, home: "/"}, ""},
		{"1000", account{uid: 1000, home: "/"}, ""},
		{"1000:1000", account{uid: 1000, gid: 1000, home: "/"}, ""},
		{"nobody", account{}, `no user "nobody"`},
		{"huge", account{}, `no user "huge"`},
		{"www:nogroup", account{}, `no group "nogroup"`},
	}
	for _, tt := range tests {
		t.Run(tt.user, func(t *testing.T) {
			got, err := resolve(tt.user, strings.NewReader(testPasswd), strings.NewReader(testGroup))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v: want %q in it", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(account{})); diff != "" {
				t.Errorf("account (-want +got):\n%s", diff)
			}
		})
	}
}

func TestResolveWithoutFiles(t *testing.T) {
	got, err := resolve("", strings.NewReader(""), strings.NewReader(""))
	if err != nil || got.uid != 0 || got.home != "/" {
		t.Errorf("%+v, %v: want root", got, err)
	}
}

func FuzzResolve(f *testing.F) {
	f.Add("www:wheel", testPasswd, testGroup)
	f.Add("0", "", "")
	f.Fuzz(func(t *testing.T, user, passwd, group string) {
		acct, err := resolve(user, strings.NewReader(passwd), strings.NewReader(group))
		if err != nil {
			return
		}
		if acct.home == "" || len(acct.groups) > 16 {
			t.Errorf("%+v: want a home and at most 16 groups", acct)
		}
	})
}
