package cli

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fakecracker/fakecracker/examples"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/ship"
)

// initRun is one run of init, and what it printed.
func initRun(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = Main(t.Context(), append([]string{"init"}, args...), strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// TestInitWritesShips writes each example, makes what it takes from the host
// as its folder says, and reads the ship.
func TestInitWritesShips(t *testing.T) {
	for _, e := range examples.All() {
		t.Run(e.Name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new one")
			code, out, errs := initRun(t, "--from", e.Name, dir)
			if code != exitOK {
				t.Fatalf("exit %d: %s", code, errs)
			}
			if want := "run " + e.Flags + " '" + dir + "'"; !strings.Contains(out, want) {
				t.Errorf("it does not say %q:\n%s", want, out)
			}
			if e.Build != "" {
				c := exec.CommandContext(t.Context(), "/bin/sh", "-c", e.Build)
				c.Dir = dir
				if out, err := c.CombinedOutput(); err != nil {
					t.Fatalf("%s: %v\n%s", e.Build, err, out)
				}
			}
			s, err := ship.Load(t.Context(), dir, ship.Options{Guest: image.Guest{OS: "netbsd", Arch: "i386"}, Home: "/home/user"})
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Notes) > 0 {
				t.Errorf("the ship has faults to note: %q", s.Notes)
			}
			if code, _, errs = initRun(t, "--from", e.Name, dir); code != exitFailed || !strings.Contains(errs, "is there already") {
				t.Errorf("once more: exit %d: %s", code, errs)
			}
		})
	}
}

// TestInitKeepsWhatIsThere holds that nothing is written where a file is in
// the way, or another definition.
func TestInitKeepsWhatIsThere(t *testing.T) {
	for _, name := range []string{"Dockerfile", "ships/nginx/etc/nginx/nginx.conf"} {
		dir := t.TempDir()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
		code, _, errs := initRun(t, dir)
		if code != exitFailed || !strings.Contains(errs, file) {
			t.Errorf("%s: exit %d: %s", name, code, errs)
		}
		if _, err := os.Stat(filepath.Join(dir, "ship.conf")); err == nil {
			t.Errorf("%s: ship.conf was written", name)
		}
		if b, err := os.ReadFile(file); err != nil || string(b) != "mine" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

func TestInitNames(t *testing.T) {
	if code, out, _ := initRun(t, "--list"); code != exitOK || !strings.Contains(out, "smolerfile") {
		t.Errorf("--list: exit %d\n%s", code, out)
	}
	if code, _, errs := initRun(t, "--from", "ngnix", t.TempDir()); code != exitUsage || !strings.Contains(errs, `did you mean "nginx"`) {
		t.Errorf("--from ngnix: exit %d: %s", code, errs)
	}
	if code, _, errs := initRun(t, "--from", "weather", t.TempDir()); code != exitUsage || !strings.Contains(errs, "caddy") {
		t.Errorf("--from weather: exit %d: %s", code, errs)
	}
}

// TestInitHasAllExamples holds that what is embedded is all that the folder
// examples has.
func TestInitHasAllExamples(t *testing.T) {
	built := map[string]bool{"static/static": true, "go/hello": true}
	known := map[string]fs.FS{}
	for _, e := range examples.All() {
		files, err := e.Files()
		if err != nil {
			t.Fatal(err)
		}
		known[e.Name] = files
	}
	root := os.DirFS("../../examples")
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		name, file, below := strings.Cut(p, "/")
		if err != nil || d.IsDir() || !below || built[p] {
			return err
		}
		if known[name] == nil {
			t.Errorf("%s: example %s is not in the list", p, name)
		} else if _, err := fs.Stat(known[name], file); err != nil {
			t.Errorf("%s is not embedded", p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
