package image_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// having returns e with extended attributes of these names.
func having(e tree.Entry, names ...string) tree.Entry {
	e.Xattrs = map[string][]byte{}
	for _, n := range names {
		e.Xattrs[n] = []byte(n)
	}
	return e
}

func TestUnkept(t *testing.T) {
	files := of(t,
		having(dir("/a"), "system.posix_acl_default"), having(file("/a/ping", "x"), "security.capability", "user.note"),
		having(file("/b", "x"), "security.capability", "com.apple.provenance", "user."),
	)
	const room = `: a disk of netbsd/i386 has no room for it`
	for guest, want := range map[image.Guest][]string{
		{OS: "linux", Arch: "amd64"}: {
			`the extended attribute "com.apple.provenance" of /b: a disk of linux/amd64 has no room for it`,
			`the extended attribute "system.posix_acl_default" of /a: a disk of linux/amd64 has no room for it`,
			`the extended attribute "user." of /b: a disk of linux/amd64 has no room for it`,
		},
		{OS: "netbsd", Arch: "i386"}: {
			`the extended attribute "com.apple.provenance" of /b` + room,
			`the extended attribute "security.capability" of /a/ping and 1 more` + room,
			`the extended attribute "system.posix_acl_default" of /a` + room,
			`the extended attribute "user." of /b` + room,
			`the extended attribute "user.note" of /a/ping` + room,
		},
	} {
		if diff := cmp.Diff(want, image.Unkept(&files, guest)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", guest, diff)
		}
	}
	plain := of(t, file("/x", "x"))
	if got := image.Unkept(&plain, image.Guest{OS: "netbsd", Arch: "i386"}); got != nil {
		t.Errorf("of files without attributes: %q", got)
	}
}
