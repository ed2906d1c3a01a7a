//go:build linux || netbsd

package guest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEnvironment(t *testing.T) {
	got := environment([]string{"HOME=/srv", "A=1", "A=2=3"}, account{name: "www", home: "/var/www"})
	want := []string{"PATH=" + defaultPath, "HOME=/srv", "USER=www", "A=2=3"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if got := valueOf(got, "A"); got != "2=3" {
		t.Errorf("A is %q: want 2=3", got)
	}
}

func TestLookPath(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"a/text": 0o644, "b/text": 0o755, "b/prog": 0o755, "c/data": 0o644} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	searched := filepath.Join(dir, "a") + ":b:/nothing:" + filepath.Join(dir, "c")
	tests := []struct {
		name, want string
		notFound   bool
		bad        bool
	}{
		{name: "prog", want: "b/prog"},
		{name: "text", want: "b/text"},
		{name: "b/prog", want: "b/prog"},
		{name: filepath.Join(dir, "b/prog"), want: "b/prog"},
		{name: "none", notFound: true},
		{name: "b/none", notFound: true},
		{name: "b/prog/none", notFound: true},
		{name: "data", bad: true},
		{name: "./c", bad: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := lookPath(tt.name, searched, dir)
			switch {
			case tt.notFound && !errors.Is(err, errNotFound):
				t.Errorf("%q, %v: want errNotFound", got, err)
			case tt.bad && (err == nil || errors.Is(err, errNotFound) || startCode(err) != 126):
				t.Errorf("%q, %v: want another error, code 126", got, err)
			case tt.want != "" && (err != nil || got != filepath.Join(dir, tt.want)):
				t.Errorf("%q, %v: want %s", got, err, tt.want)
			}
		})
	}
}
