package build

import (
	"context"
	"fmt"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// why is Entry.Why of what every root has.
const why = "every root"

// folders are what hier(7) of both systems has at the least, and what the
// agent mounts on.
func folders(os string) map[string]uint32 {
	all := map[string]uint32{
		"/": 0o755, "/bin": 0o755, "/dev": 0o755, "/etc": 0o755, "/mnt": 0o755, "/root": 0o700, "/sbin": 0o755,
		"/tmp": 0o1777, "/usr": 0o755, "/usr/bin": 0o755, "/usr/sbin": 0o755, "/usr/lib": 0o755, "/usr/share": 0o755,
		"/var": 0o755, "/var/db": 0o755, "/var/log": 0o755, "/var/run": 0o755, "/var/tmp": 0o1777,
	}
	if os == "linux" {
		all["/proc"], all["/sys"], all["/run"] = 0o555, 0o555, 0o755
	}
	return all
}

// addFolders adds the folders that are not there. They come before overlays,
// whose folders have the modes of somebody's checkout.
func (b *builder) addFolders(context.Context) error {
	for p, mode := range folders(b.Guest.OS) {
		if _, ok := b.tree.Get(p); ok {
			continue
		}
		e := tree.Entry{Path: p, Type: tree.Dir, Mode: mode, ModTime: b.time(), Why: why}
		if err := b.tree.Put(e); err != nil {
			return fmt.Errorf("add %s: %w", p, err)
		}
	}
	return nil
}

// files are small ones that programs count on, by system.
func files(os string) map[string]string {
	all := map[string]string{
		"/etc/hosts": "127.0.0.1\tlocalhost\n::1\tlocalhost\n",
	}
	if os == "netbsd" { // the numbers of NetBSD's own etc/master.passwd and etc/group
		all["/etc/passwd"] = "root:*:0:0:Charlie &:/root:/bin/sh\n" +
			"daemon:*:1:1:The devil himself:/:/sbin/nologin\n" +
			"nobody:*:32767:39:Unprivileged user:/nonexistent:/sbin/nologin\n"
		all["/etc/group"] = "wheel:*:0:root\ndaemon:*:1:daemon\nkmem:*:2:root\nsys:*:3:root\ntty:*:4:root\n" +
			"operator:*:5:root\nbin:*:7:\nnobody:*:39:\nutmp:*:45:\nusers:*:100:\nnogroup:*:32766:\n"
		return all
	}
	all["/etc/passwd"] = "root:*:0:0:root:/root:/bin/sh\n" +
		"daemon:*:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n" +
		"www-data:*:33:33:www-data:/var/www:/usr/sbin/nologin\n" +
		"nobody:*:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
	all["/etc/group"] = "root:*:0:\ndaemon:*:1:\nadm:*:4:\ntty:*:5:\nwww-data:*:33:\nusers:*:100:\nnogroup:*:65534:\n"
	// Without it, glibc asks name servers before /etc/hosts.
	all["/etc/nsswitch.conf"] = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n"
	return all
}

// addFiles adds the files that neither packages nor overlays brought, and the
// folders above all files.
func (b *builder) addFiles(context.Context) error {
	for p, text := range files(b.Guest.OS) {
		if _, err := b.tree.Lookup(p); err == nil {
			continue
		}
		if err := b.tree.Put(tree.NewFile(p, 0o644, []byte(text), b.time(), why)); err != nil {
			return fmt.Errorf("add %s: %w", p, err)
		}
	}
	b.tree.MakeParents(b.time())
	return nil
}
