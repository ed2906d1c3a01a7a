package cli

import (
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
