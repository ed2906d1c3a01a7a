package build

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/ship"
)

// installsOf takes "pkgin in A B && REST" for a command that installs
// packages.
func installsOf(command string) ([]string, string, bool) {
	names, ok := strings.CutPrefix(command, "pkgin in ")
	names, rest, _ := strings.Cut(names, " && ")
	return strings.Fields(names), rest, ok
}

// TestRunThatInstalls has packages installed without a guest.
func TestRunThatInstalls(t *testing.T) {
	s := netbsdShip(t, "Dockerfile", "FROM base,etc\nRUN pkgin in nginx && echo hi > /etc/motd\nRUN pkgin in tool\nRUN echo done > /etc/done\nCMD [\"nginx\"]\n")
	o := withSets(t)
	o.Packages, o.Installs, o.Cache = pkgsrcShelf{t}, installsOf, t.TempDir()
	img, r, err := Build(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]string{
		"/usr/pkg/bin/nginx":    "package nginx 1.0",
		"/usr/pkg/bin/tool":     "package tool 1.0",
		"/usr/lib/libssl.so.15": "needed by /usr/pkg/pkgdb/nginx-1.0/+BUILD_INFO",
		"/etc/done":             "RUN echo done > /etc/done (Dockerfile:4)",
	} {
		if e, err := img.Tree.Lookup(p); err != nil || e.Why != want && !strings.HasPrefix(e.Why, "sets ") {
			t.Errorf("%s is there because of %q, %v; want %q", p, e.Why, err, want)
		}
	}
	if got, err := img.Tree.ReadFile("/etc/motd", 100); err != nil || string(got) != "hi\n" {
		t.Errorf("/etc/motd is %q, %v", got, err)
	}
	var names, layers []string
	for _, p := range r.Packages {
		names = append(names, p.Name)
	}
	for _, l := range r.Layers {
		layers = append(layers, l.Text)
	}
	if diff := cmp.Diff([]string{"nginx", "tool"}, names); diff != "" {
		t.Error(diff)
	}
	run := "RUN pkgin in nginx && echo hi > /etc/motd"
	if diff := cmp.Diff([]string{"FROM base,etc", run, run, "RUN pkgin in tool", "RUN echo done > /etc/done"}, layers[:5]); diff != "" {
		t.Error(diff)
	}
	if _, r, err = Build(t.Context(), s, o); err != nil || !r.Cached {
		t.Errorf("the next build: cached %t, %v", r.Cached, err)
	}
}

// TestRunThatInstallsRefuses names the line that asks.
func TestRunThatInstallsRefuses(t *testing.T) {
	s := netbsdShip(t, "Dockerfile", "FROM scratch\nRUN pkgin in nothing\n")
	o := withSets(t)
	o.Packages, o.Installs = newShelf(t, nil), installsOf
	_, _, err := Build(t.Context(), s, o)
	if want := "Dockerfile:2: RUN pkgin in nothing: package [\"nothing\"] not found"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Build = %v, want %q", err, want)
	}
}

// TestInstallsByRootOnly leaves to the guest what is not for us.
func TestInstallsByRootOnly(t *testing.T) {
	o := Options{Packages: pkgsrcShelf{t}, Installs: installsOf}
	for _, tt := range []struct {
		run  ship.Run
		want bool
	}{
		{ship.Run{Args: []string{"/bin/sh", "-c", "pkgin in a"}, Shell: true}, true},
		{ship.Run{Args: []string{"/bin/sh", "-c", "pkgin in a"}, Shell: true, User: "www"}, false},
		{ship.Run{Args: []string{"pkgin", "in", "a"}}, false},
		{ship.Run{Args: []string{"/bin/sh", "-c", "pkgin rm a"}, Shell: true}, false},
	} {
		if names, rest, ok := o.installs(&tt.run); ok != tt.want || ok && (rest != "" || !slices.Equal(names, []string{"a"})) {
			t.Errorf("%s: %q %q %t, want %t", fmt.Sprint(tt.run.Args), names, rest, ok, tt.want)
		}
	}
}
