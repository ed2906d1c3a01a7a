package ship

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares s with the file, after taking dir out of its paths.
func golden(t *testing.T, file, dir string, s any) {
	t.Helper()
	b, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.ReplaceAll(string(b), dir, "DIR") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// conf writes a definition into a folder of its own.
func confFile(t testing.TB, text string) string {
	t.Helper()
	return filepath.Join(writeFiles(t, map[string]string{"ship.conf": text}), "ship.conf")
}

// The ship that the project began with, read from where it is kept.
func TestLoadArticle(t *testing.T) {
	dir, err := filepath.Abs("../../../shared/article")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the article isn't beside this repository")
	}
	s, err := Load(t.Context(), filepath.Join(dir, "test.conf"), Options{Home: "/home/me"})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/article.golden", dir, s)
}

func TestLoadGolden(t *testing.T) {
	confs, err := filepath.Glob("testdata/*/*.conf")
	if err != nil || len(confs) == 0 {
		t.Fatalf("no definitions in testdata: %v", err)
	}
	for _, path := range confs {
		t.Run(filepath.Base(path), func(t *testing.T) {
			s, err := Load(t.Context(), path, Options{Home: "/home/me"})
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(path, ".conf")+".golden", "testdata", s)
		})
	}
}

func TestLoadFolder(t *testing.T) {
	path := confFile(t, "shipname=web\npackages=nginx\n")
	s, err := Load(t.Context(), filepath.Dir(path), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "web" || s.File != path || s.Dir != filepath.Dir(path) {
		t.Errorf("Load = %+v; want the ship.conf in the folder", s)
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct {
		name, path, want string
	}{
		{"nothing there", filepath.Join(dir, "none"), "no such ship: " + filepath.Join(dir, "none") + " (a folder with a definition, a .conf file, a Dockerfile, or a program)"},
		{"an empty folder", t.TempDir(), "no ship.conf, Dockerfile or SMOLerfile in this folder"},
		{"an empty Dockerfile", filepath.Dir(write("d/Dockerfile", "\n# nothing\n")), "d/Dockerfile:2: file with no instructions"},
		{"a long Dockerfile", write("SMOLerfile.long", strings.Repeat("# long\n", 50_000)), "too long for a Dockerfile"},
		{"a Dockerfile that is no text", write("Dockerfile.bin", "FROM base\n\xff\n"), "not a text in UTF-8"},
		{"a picture", write("p.png", "\x89PNG\x00\x00"), "neither a .conf file nor a program"},
		{"a long text", write("long.conf", strings.Repeat("# long\n", 50_000)), "too long for a .conf file"},
		{"a device", os.DevNull, "neither a file nor a folder"},
		{"half a program", write("half", "\x7fELF\x01\x01"), "half"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(t.Context(), tt.path, Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v; want one line with %q", err, tt.want)
			}
		})
	}
}

func TestGuest(t *testing.T) {
	tests := []struct {
		name, conf string
		asked      image.Guest
		want       image.Guest
		packages   string
	}{
		{"not said", "", image.Guest{}, image.Guest{}, "NetBSD-i386-i386"},
		{"asked for", "", image.Guest{OS: "linux", Arch: "amd64"}, image.Guest{OS: "linux", Arch: "amd64"}, "Linux-x86_64-x86_64"},
		{"said", "guest=linux\n", image.Guest{}, image.Guest{OS: "linux"}, "Linux-i686-i686"},
		{"said in full", "guest=netbsd/x86_64\n", image.Guest{}, image.Guest{OS: "netbsd", Arch: "amd64"}, "NetBSD-amd64-x86_64"},
		{"asked for over said", "guest=netbsd/i386\n", image.Guest{Arch: "amd64"}, image.Guest{OS: "netbsd", Arch: "amd64"}, "NetBSD-amd64-x86_64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := confFile(t, "shipname=x\npackages=${OS}-$(uname -m)-$(uname -p)\n"+tt.conf)
			s, err := Load(t.Context(), path, Options{Guest: tt.asked})
			if err != nil {
				t.Fatal(err)
			}
			if s.Guest != tt.want || s.Packages[0] != tt.packages {
				t.Errorf("guest %v, packages %v; want %v, %v", s.Guest, s.Packages, tt.want, tt.packages)
			}
		})
	}
}

func TestEnviron(t *testing.T) {
	path := confFile(t, "shipname=x\npackages=\"$FLAVOUR $HOME\"\n")
	s, err := Load(t.Context(), path, Options{Home: "/h", Environ: []string{"FLAVOUR=light", "services=evil", "HOME=/other"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"light", "/h"}, s.Packages); diff != "" || len(s.Services) != 0 {
		t.Errorf("services %v, packages (-want +got):\n%s", s.Services, diff)
	}
}

func TestAllowHostCommands(t *testing.T) {
	path := confFile(t, "shipname=x\npackages=$(/bin/echo from the host)\n")
	s, err := Load(t.Context(), path, Options{AllowHostCommands: true, Environ: []string{"PATH=/bin:/usr/bin"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.Packages, " "); got != "from the host" {
		t.Errorf("packages %q", got)
	}
}

func TestOverlays(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"examples", "ships/common/all", "ships/common/NetBSD", "ships/common/Linux", "ships/web", "ships/other"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(root, "examples", "web.conf")
	if err := os.WriteFile(path, []byte("shipname=web\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Load(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ships := filepath.Join(root, "ships")
	want := []Overlay{{ships + "/common/all", true}, {ships + "/common/NetBSD", true}, {ships + "/web", false}}
	if diff := cmp.Diff(want, s.Overlays); diff != "" {
		t.Errorf("overlays (-want +got):\n%s", diff)
	}
	t.Chdir(filepath.Dir(path))
	if s, err = Load(t.Context(), "./web.conf", Options{}); err != nil || len(s.Overlays) != len(want) || s.Overlays[2].Dir != "../ships/web" {
		t.Errorf("overlays from the definition's folder: %v, %v", s.Overlays, err)
	}
}

// A folder that leads out of the ship's would copy the host's files.
func TestOverlayOutside(t *testing.T) {
	path := confFile(t, "\nshipname=web\n")
	ships := filepath.Join(filepath.Dir(path), "ships")
	if err := os.Mkdir(ships, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc", filepath.Join(ships, "web")); err != nil {
		t.Fatal(err)
	}
	_, err := Load(t.Context(), path, Options{})
	if want := path + ":2: overlay " + filepath.Join(ships, "web") + ": it leads to /etc: only files of"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v; want %s…", err, want)
	}
}
