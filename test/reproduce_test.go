package test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/test/mirror"
)

// A builder is one of several who build the same ship.
type builder struct {
	umask string
	date  time.Time // of the ship's files
	uid   uint32    // that it runs as; 0: that of the test
	env   []string
	flags []string
}

// nobody is a user that a test of root can become.
const nobody = 65534

// TestReproducible builds the same ships as two people would, each with a
// state folder, a checkout and a folder for temporary files of their own, and
// wants the same image of both.
func TestReproducible(t *testing.T) {
	program := ownProgram(t)
	m := mirror.New(t)
	flags := []string{"--guest", "netbsd/i386", "--mirror", m.ReleasesURL(), "--pkgsrc", m.PackagesURL() + "/NetBSD"}
	first := builder{umask: "022", date: time.Unix(1e9, 0)}
	second := builder{umask: "077", date: time.Unix(1.6e9, 5e8)}
	if os.Getuid() == 0 {
		second.uid = nobody
	}
	for name, files := range reproduced {
		for _, tt := range []struct {
			name  string
			flags []string
			env   []string
			same  bool
		}{
			{"lock", []string{"--lock"}, nil, true},
			{"lock and date", []string{"--lock"}, []string{"SOURCE_DATE_EPOCH=1234567890"}, true},
			{"early date", nil, []string{"SOURCE_DATE_EPOCH=86400"}, true},
			{"nothing", nil, nil, false}, // the files' own times are part of the image
		} {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				var ids []string
				for _, b := range []builder{first, second} {
					b.flags, b.env = append(flags[:len(flags):len(flags)], tt.flags...), tt.env
					ids = append(ids, b.build(t, program, files))
				}
				if same := ids[0] == ids[1]; same != tt.same {
					t.Errorf("images %s and %s; want the same: %t", ids[0], ids[1], tt.same)
				}
			})
		}
	}
}

// reproduced are ships by name: their files, of which those that begin as a
// script can be executed.
var reproduced = map[string]map[string]string{
	"conf": {
		"ship.conf": `shipname=web
packages="pcre2 redis"
shipbins="/bin/ls /bin/sh"
program="tool:/usr/bin/tool"
prune=yes
run_at_build="echo done > /etc/done"
cmd="/bin/ls"
`,
		"tool":                    "#!/bin/sh\nexit 0\n",
		"ships/web/etc/motd":      "welcome\n",
		"ships/web/srv/a/b/index": "index\n",
		"ships/common/all/etc/rc": "#!/bin/sh\n",
	},
	"dockerfile": {
		"Dockerfile": `FROM etc AS sets
FROM scratch
COPY --from=sets /etc/group /etc/group
COPY --chown=7:8 . /srv/
RUN printf 'a %s' b > /srv/printed
WORKDIR /srv/new
`,
		".dockerignore": "secret\n",
		"run":           "#!/bin/sh\n",
		"secret":        "secret\n",
		"docs/a/b":      "text\n",
	},
}

// ownProgram is the product where other users find it: as scripts/test built
// it, else this test's own program under the product's name.
func ownProgram(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("FAKECRACKER_TEST_PROBES"); dir != "" {
		return filepath.Join(dir, "fakecracker")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(sharedDir(t), "fakecracker")
	if err := os.WriteFile(program, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return program
}

// sharedDir is a folder that every user can enter.
func sharedDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// build writes the ship's files, builds it, and returns the image's ID.
func (b builder) build(t *testing.T, program string, files map[string]string) string {
	t.Helper()
	dir := sharedDir(t)
	ship := filepath.Join(dir, "checkout of "+b.umask, "ship")
	for _, d := range []string{ship, filepath.Join(dir, "home"), filepath.Join(dir, "tmp")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		writeShared(t, filepath.Join(ship, name), text)
	}
	b.adopt(t, dir)
	c := exec.Command("sh", "-c", "umask "+b.umask+` && exec "$0" build -q "$@"`, program)
	c.Args = append(append(c.Args, b.flags...), ".")
	c.Dir = ship
	c.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(dir, "home"), "TMPDIR=" + filepath.Join(dir, "tmp"),
		"FAKECRACKER_HOME=" + filepath.Join(dir, "home/state"),
	}, b.env...)
	if b.uid != 0 {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: b.uid, Gid: b.uid}}
	}
	var stderr strings.Builder
	c.Stderr = &stderr
	id, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return strings.TrimSpace(string(id))
}

// writeShared writes a file with the mode that a checkout gives it.
func writeShared(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	mode := os.FileMode(0o644)
	if strings.HasPrefix(text, "#!") {
		mode = 0o755
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// adopt gives all below dir the builder's date and owner, and the modes that
// do not depend on the umask of the test.
func (b builder) adopt(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if d.IsDir() || fi.Mode()&0o100 != 0 {
			mode = 0o755
		}
		if err := os.Chmod(p, mode); err != nil {
			return err
		}
		if b.uid != 0 {
			if err := os.Chown(p, int(b.uid), int(b.uid)); err != nil {
				return err
			}
		}
		return os.Chtimes(p, b.date, b.date)
	})
	if err != nil {
		t.Fatal(err)
	}
}
