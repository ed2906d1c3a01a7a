package lock

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	d1 = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	d2 = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

func sample() *Lock {
	return &Lock{
		Version: Version, Ship: "web", Guest: "netbsd/i386", Release: "10.1", Date: time.Unix(5, 0).UTC(), Image: d1,
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
	if got := sample().Diff(&Lock{Guest: "netbsd/i386", Release: "10.1", Date: time.Unix(5, 0)}, false); len(got) > 0 {
		t.Errorf("what is not there yet differs: %q", got)
	}
}

func TestDecodeFaults(t *testing.T) {
	for text, want := range map[string]string{
		"{\n<<<<<<<":                "line 2",
		`{"version":2}`:             "version 2",
		`{}`:                        "no version",
		`{"version":1,"odd":1}`:     "odd",
		`{"version":1,"image":"x"}`: "no digest",
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
	f.Add([]byte(`{"version":1}`))
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
