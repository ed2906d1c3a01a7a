package lock

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden file anew")

const (
	d1 = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	d2 = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

func sample() *Lock {
	return &Lock{
		Version: Version, Ship: "web", Guest: "netbsd/i386", Release: "10.1", Date: time.Unix(5, 0).UTC(), Image: d1,
		Definition: []Definition{{"web.conf", d1}}, Settings: []Setting{{"--build-arg LEVEL", "a\"b"}, {"--target", "web"}},
		System:   []File{{Path: "/bin/sh", Type: "file", Mode: "0555", Digest: d2}, {Path: "/lib/libc.so.12", Type: "symlink", Mode: "0777", Link: "libc.so.12.221"}},
		Sets:     []Package{{Name: "base", Version: "10.1", File: "base.tgz", Digest: d1}},
		Packages: []Package{{Name: "nginx", Version: "1.26.2", Digest: d1}, {Name: "pcre2", Version: "10.44", Digest: d2, For: "nginx"}},
		Files:    []File{{Path: "over/a & b", Type: "file", Mode: "0644", Digest: d1}},
		Images:   []Image{{Ref: "base:1", ID: d1}},
		Fetched:  []Fetched{{URL: "http://localhost/x", Digest: d1}},
		Steps:    []Step{{Text: "RUN a", Key: "k", Digest: d1}},
		Changes:  []Change{{Step: 0, Path: "/a", Is: "dir 0755 0:0"}},
	}
}

func TestRoundTrip(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ship.lock")
	for i, want := range []bool{true, false} {
		if changed, err := sample().Write(file); err != nil || changed != want {
			t.Fatalf("write %d: %t, %v", i, changed, err)
		}
	}
	got, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sample(), got); d != "" {
		t.Error(d)
	}
}

// TestGolden holds the form of the file, which people read in diffs.
func TestGolden(t *testing.T) {
	got, err := sample().Encode()
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "ship.lock")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDiff(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(l *Lock)
		want   string
	}{
		{"nothing", func(*Lock) {}, ""},
		{"newer package", func(l *Lock) { l.Packages[0].Version = "1.26.3" }, "package nginx: locked 1.26.2, found 1.26.3"},
		{"changed file", func(l *Lock) { l.Files[0].Digest = d2 }, "file over/a & b: locked sha256:111111111111, found sha256:222222222222"},
		{"changed set", func(l *Lock) { l.Sets[0].Digest = d2 }, "set base: base.tgz: locked sha256:111111111111, found sha256:222222222222"},
		{"new package", func(l *Lock) { l.Packages = append(l.Packages, Package{Name: "x", Version: "1"}) }, "package x: not locked"},
		{"package gone", func(l *Lock) { l.Packages = l.Packages[:1] }, "package pcre2: locked, and no longer there"},
		{"changed step", func(l *Lock) {
			l.Steps[0].Digest = d2
			l.Changes[0].Is = "dir 0700 0:0"
		}, `step "RUN a": /a: locked dir 0755 0:0, found dir 0700 0:0`},
		{"changed definition", func(l *Lock) { l.Definition[0].Digest = d2 }, "definition web.conf: locked sha256:111111111111, found sha256:222222222222"},
		{"another argument", func(l *Lock) { l.Settings[0].Value = "c" }, `--build-arg LEVEL: locked "a\"b", found "c"`},
		{"no target", func(l *Lock) { l.Settings = l.Settings[:1] }, `--target: locked "web", found none`},
		{"empty argument", func(l *Lock) { l.Settings = append(l.Settings, Setting{"--build-arg X", ""}) }, `--build-arg X: locked none, found ""`},
		{"changed system", func(l *Lock) { l.System[0].Digest = d1 }, "system file /bin/sh: locked sha256:222222222222, found sha256:111111111111"},
		{"moved tag", func(l *Lock) { l.Images[0].ID = d2 }, "image base:1: locked sha256:111111111111, found sha256:222222222222"},
		{"changed address", func(l *Lock) { l.Fetched[0].Digest = d2 }, "http://localhost/x: locked sha256:111111111111, found sha256:222222222222"},
		{"image alone", func(l *Lock) { l.Image = d2 }, "image web: locked sha256:111111111111, found sha256:222222222222"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found := sample()
			tt.change(found)
			if got := strings.Join(sample().Diff(found, true), "\n"); got != tt.want {
				t.Errorf("got %s\nwant %s", got, tt.want)
			}
		})
	}
	begun := &Lock{Guest: "netbsd/i386", Release: "10.1", Date: time.Unix(5, 0), Settings: sample().Settings}
	if got := sample().Diff(begun, false); len(got) > 0 {
		t.Errorf("what is not there yet differs: %q", got)
	}
}

func TestDecodeFaults(t *testing.T) {
	for text, want := range map[string]string{
		"{\n<<<<<<<":                "line 2",
		`{"version":1}`:             "version 1, which says less",
		`{"version":3}`:             "a newer one wrote it",
		`{}`:                        "no version",
		`{"version":2,"odd":1}`:     "odd",
		`{"version":2,"image":"x"}`: "no digest",
		`{"version":2,"definition":[{"path":"a"}]}`:         "no digest",
		`{"version":2,"settings":[{"name":"target"}]}`:      "no setting",
		`{"version":2,"system":[{"path":"/a","mode":"x"}]}`: "no file with mode",
	} {
		if _, err := Decode([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	b, err := sample().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"version":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := Decode(b)
		if err != nil {
			return
		}
		once, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(once)
		if err != nil {
			t.Fatalf("%v in %s", err, once)
		}
		if twice, err := again.Encode(); err != nil || string(once) != string(twice) {
			t.Fatalf("%v: %s and %s", err, once, twice)
		}
	})
}
