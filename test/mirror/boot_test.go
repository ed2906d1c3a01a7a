package mirror_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/ffs"
	"github.com/fakecracker/fakecracker/internal/archive"
	"github.com/fakecracker/fakecracker/test/mirror"
)

// machines are what the userland is tried on.
var machines = []struct {
	name, arch, set string
	qemu, machine   string
	bus             string // of virtio devices
	words           string // of the kernel's command line
}{
	{"i386", "i386", "tgz", "qemu-system-i386", "pc", "pci", "root=ld0a"},
	{"amd64-pc", "amd64", "tar.xz", "qemu-system-x86_64", "pc", "pci", "root=ld0a"},
	{
		"amd64-microvm", "amd64", "tar.xz", "qemu-system-x86_64", "microvm", "device",
		"virtio_mmio.device=512@0xfeb02e00:47 virtio_mmio.device=512@0xfeb02c00:46",
	},
}

// articleDir is where the article's files are: FAKECRACKER_TEST_ARTICLE, else
// beside the checkout.
func articleDir() string {
	if dir := os.Getenv("FAKECRACKER_TEST_ARTICLE"); dir != "" {
		return dir
	}
	return "../../../shared/article"
}

// TestArticle boots what the article's ship asks for, taken from the mirror
// by hand, and looks for what its /etc/rc prints.
func TestArticle(t *testing.T) {
	rc, err := os.ReadFile(filepath.Join(articleDir(), "ships/fakecracker/etc/rc"))
	if err != nil {
		t.Skip("the article's files are not here:", err)
	}
	table, err := os.ReadFile(filepath.Join(articleDir(), "ships/fakecracker/etc/fstab"))
	if err != nil {
		t.Fatal(err)
	}
	conf, err := os.ReadFile(filepath.Join(articleDir(), "test.conf"))
	if err != nil {
		t.Fatal(err)
	}
	bins := regexp.MustCompile(`(?m)^shipbins="(.*)"$`).FindSubmatch(conf)
	if bins == nil {
		t.Fatalf("no shipbins in test.conf:\n%s", conf)
	}
	for _, m := range machines {
		t.Run(m.name, func(t *testing.T) {
			kernel := kernelFor(t, m.arch)
			f := files{}
			base := files{}
			base.unpack(t, set(t, "base", m.arch, m.set), "/")
			for name := range strings.FieldsSeq(string(bins[1])) {
				e, ok := base[name]
				if !ok {
					t.Fatalf("the set base lacks %s", name)
				}
				f[name] = e
			}
			f.nginx(t, m.arch)
			f.text("/etc/rc", string(rc))
			f.text("/etc/fstab", string(table))
			console := f.boot(t, kernel, m.qemu, m.machine, m.bus, m.words, `"HEAD / HTTP/1.0" 200`)
			for _, want := range []string{"starting nginx..", "done\r\n", "Testing web server:\r\n", "HTTP/1.1 200 OK", "Server: nginx/1.26.2"} {
				if !strings.Contains(console, want) {
					t.Errorf("the console lacks %q:\n%s", want, console)
				}
			}
		})
	}
}

// TestInstallScript runs the package's script in the guest, as pkg_add would.
func TestInstallScript(t *testing.T) {
	const rc = `#!/bin/sh
export PATH=/sbin:/bin:/usr/sbin:/usr/bin
export PKG_RCD_SCRIPTS=yes
mount -u -o rw /
cd /var/db/pkg/nginx-1.26.2
./+INSTALL nginx-1.26.2 PRE-INSTALL && ./+INSTALL nginx-1.26.2 POST-INSTALL
echo "script: $?"
cat /usr/pkg/share/examples/nginx/html/setup.txt
id nginx
ls -ld /var/db/nginx /etc/rc.d/nginx /usr/pkg/etc/nginx/nginx.conf
ifconfig lo0 127.0.0.1 up
/etc/rc.d/nginx onestart
printf 'GET /setup.txt HTTP/1.0\r\n\r\n' | nc 127.0.0.1 80 | tail -1
/etc/rc.d/nginx onestatus
ps
/etc/rc.d/nginx onestop
reboot
`
	for _, m := range machines {
		t.Run(m.name, func(t *testing.T) {
			kernel := kernelFor(t, m.arch)
			f := files{}
			for _, name := range []string{"base", "etc"} {
				f.unpack(t, set(t, name, m.arch, m.set), "/")
			}
			f.unpack(t, nginxPackage(t, m.arch), "/usr/pkg")
			for name, e := range maps.Clone(f) {
				if base := path.Base(name); strings.HasPrefix(base, "+") {
					delete(f, name)
					f["/var/db/pkg/nginx-1.26.2/"+base] = e
				}
			}
			f.text("/etc/rc", rc)
			console := f.boot(t, kernel, m.qemu, m.machine, m.bus, m.words, "")
			for _, want := range []string{
				"script: 0\r\n", "set up on NetBSD\r\nuid=1000(nginx) gid=1000(nginx)\r\n",
				"-rwxr-xr-x  1 root     wheel", "drwxrwx---  2 nginx    nginx", "nginx is running as pid", "Stopping nginx.",
			} {
				if !strings.Contains(console, want) {
					t.Errorf("the console lacks %q:\n%s", want, console)
				}
			}
			if n := strings.Count(console, "set up on NetBSD\r\n"); n != 2 {
				t.Errorf("the page was there %d times, want from the disk and from nginx:\n%s", n, console)
			}
		})
	}
}

func kernelFor(t *testing.T, arch string) string {
	t.Helper()
	dir := os.Getenv("FAKECRACKER_TEST_KERNELS")
	if dir == "" {
		dir = filepath.Join(os.Getenv("HOME"), ".cache/fakecracker/test-kernels")
	}
	name := filepath.Join(dir, "netbsd-"+arch)
	if _, err := os.Stat(name); err != nil {
		t.Skip("no test kernel:", err)
	}
	return name
}

func tree(t *testing.T) string {
	t.Helper()
	dir, err := mirror.Dir(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func set(t *testing.T, name, arch, ending string) string {
	return filepath.Join(tree(t), mirror.Releases, "NetBSD-10.1", arch, "binary/sets", name+"."+ending)
}

func nginxPackage(t *testing.T, arch string) string {
	return filepath.Join(tree(t), mirror.Packages, "NetBSD", arch, "10.0/All/nginx-1.26.2.tgz")
}

// files is a guest's tree.
type files map[string]ffs.Entry

func (f files) put(name string, mode fs.FileMode, body []byte) {
	f[name] = ffs.Entry{Mode: mode, Size: int64(len(body)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(body)), nil
	}}
}

func (f files) text(name, text string) { f.put(name, 0o644, []byte(text)) }

// unpack adds an archive's files below dir. Hard links become files.
func (f files) unpack(t *testing.T, name, dir string) {
	t.Helper()
	r, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var body io.Reader
	if strings.HasSuffix(name, ".xz") {
		body, err = archive.Decompress(r)
	} else {
		body, err = gzip.NewReader(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	for in := tar.NewReader(body); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		to := path.Join(dir, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			f[to] = ffs.Entry{Mode: h.FileInfo().Mode()}
		case tar.TypeSymlink:
			f[to] = ffs.Entry{Mode: fs.ModeSymlink | 0o755, Target: h.Linkname}
		case tar.TypeLink:
			f[to] = f[path.Join(dir, h.Linkname)]
		default:
			b, err := io.ReadAll(in)
			if err != nil {
				t.Fatal(err)
			}
			f.put(to, h.FileInfo().Mode(), b)
		}
	}
}

// nginx adds the package, and does by hand what its tables ask for.
func (f files) nginx(t *testing.T, arch string) {
	t.Helper()
	f.unpack(t, nginxPackage(t, arch), "/usr/pkg")
	maps.DeleteFunc(f, func(name string, _ ffs.Entry) bool { return strings.HasPrefix(path.Base(name), "+") })
	for _, name := range []string{"nginx.conf", "mime.types"} {
		f["/usr/pkg/etc/nginx/"+name] = f["/usr/pkg/share/examples/nginx/conf/"+name]
	}
	f["/var/log/nginx"] = ffs.Entry{Mode: fs.ModeDir | 0o755}
	f["/var/run"] = ffs.Entry{Mode: fs.ModeDir | 0o755}
	f.text("/etc/passwd", "root:*:0:0::/root:/bin/sh\nnginx:*:1000:1000::/nonexistent:/sbin/nologin\n")
	f.text("/etc/group", "wheel:*:0:root\nnginx:*:1000:\n")
}

// boot boots the tree and returns what programs print on the console, up to a line that has
// until in it, or to QEMU's end where that is empty.
func (f files) boot(t *testing.T, kernel, qemu, machine, bus, words, until string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, qemu, "-accel", "tcg", "-M", machine, "-m", "128", "-kernel", kernel,
		"-append", words, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
		"-drive", "if=none,id=root,format=raw,cache=unsafe,file="+f.image(t), "-device", "virtio-blk-"+bus+",drive=root",
		"-netdev", "user,id=net,restrict=on", "-device", "virtio-net-"+bus+",netdev=net")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = c.Stdout
	if err := c.Start(); err != nil {
		t.Skip("no QEMU:", err)
	}
	var console strings.Builder
	found := false
	for in := bufio.NewReader(out); !found; {
		line, err := in.ReadString('\n')
		console.WriteString(line)
		found = until != "" && strings.Contains(line, until)
		if err != nil {
			break
		}
	}
	if found {
		cancel() // tail -f has no end
	}
	err = c.Wait()
	switch {
	case until != "" && !found:
		t.Errorf("%q was not to be seen (%v):\n%s", until, err, console.String())
	case until == "" && err != nil:
		t.Errorf("QEMU: %v:\n%s", err, console.String())
	}
	return kernelMessage.ReplaceAllString(console.String(), "")
}

// kernelMessage is a line of the kernel's, which it prints in the middle of
// what a program does.
var kernelMessage = regexp.MustCompile(`\[ *\d+\.\d{7}\] [^\n]*\n`)

// image writes the tree, with what every guest needs, as a root disk.
func (f files) image(t *testing.T) string {
	t.Helper()
	const device, char = fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice
	for name, e := range map[string]ffs.Entry{
		"console": {Mode: char | 0o600}, "tty": {Mode: char | 0o666, Major: 1}, "null": {Mode: char | 0o666, Major: 2, Minor: 2},
		"urandom": {Mode: char | 0o644, Major: 46, Minor: 1}, "ld0a": {Mode: device | 0o640, Major: 19},
	} {
		f["/dev/"+name] = e
	}
	f["/"] = ffs.Entry{Mode: fs.ModeDir | 0o755}
	f["/tmp"] = ffs.Entry{Mode: fs.ModeDir | fs.ModeSticky | 0o777}
	for _, name := range slices.Collect(maps.Keys(f)) {
		for p := path.Dir(name); p != "/"; p = path.Dir(p) {
			if _, ok := f[p]; !ok {
				f[p] = ffs.Entry{Mode: fs.ModeDir | 0o755}
			}
		}
	}
	f.shareUserland()
	var entries []ffs.Entry
	for _, name := range slices.Sorted(maps.Keys(f)) {
		e := f[name]
		e.Path = name
		entries = append(entries, e)
	}
	return writeImage(t, entries)
}

// shareUserland makes the commands hard links again: they are the files of
// one size.
func (f files) shareUserland() {
	first := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		e := f[name]
		if e.Size < 1<<20 {
			continue
		}
		key := fmt.Sprint(e.Size, e.Mode)
		if first[key] == "" {
			first[key] = name
			continue
		}
		f[name] = ffs.Entry{Hardlink: first[key]}
	}
}

func writeImage(t *testing.T, entries []ffs.Entry) string {
	t.Helper()
	l, err := ffs.Plan(entries, ffs.Options{Free: 4 << 20, Inodes: 500})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "root.img")
	w, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := l.Write(t.Context(), w, 0); err != nil {
		t.Fatal(err)
	}
	return name
}
