package cli

import (
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
)

func TestServersOfTheEnvironment(t *testing.T) {
	a := &app{getenv: func(name string) string {
		return map[string]string{"FAKECRACKER_MIRROR": "/mirror", "FAKECRACKER_PKGSRC": "/packages"}[name]
	}}
	var f sourceFlags
	c := &cobra.Command{}
	f.declare(c)
	if err := c.ParseFlags([]string{"--pkgsrc", "/mine"}); err != nil {
		t.Fatal(err)
	}
	if err := a.takeServers(c); err != nil {
		t.Fatal(err)
	}
	if f.mirror != "/mirror" || f.pkgsrc != "/mine" {
		t.Errorf("mirror %q, pkgsrc %q", f.mirror, f.pkgsrc)
	}
}

// TestPlaces has folders be the same ones wherever a command is run.
func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for text, want := range map[string]string{
		"m": filepath.Join(dir, "m"), "../x": filepath.Join(filepath.Dir(dir), "x"), "/m": "/m", "file:///m": "/m", "": "",
		"https://example.com/m": "https://example.com/m",
	} {
		var p place
		if err := p.Set(text); err != nil || string(p) != want {
			t.Errorf("%q is %q, %v; want %q", text, p, err, want)
		}
	}
}
