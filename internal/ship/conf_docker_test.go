package ship

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
)

// A definition that is only named is looked for where sailor looks.
func TestNamed(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, path := range []string{"ships/web", "ships/plain"} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for path, text := range map[string]string{"ships/web.conf": "shipname=one\n", "ships/plain": "shipname=two\n"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("ships/web", 0o755); err != nil { // the overlay
		t.Fatal(err)
	}
	for name, want := range map[string]string{"web": "one", "plain": "two"} {
		s, err := Load(t.Context(), name, Options{})
		if err != nil || s.Name != want {
			t.Errorf("Load(%s): %q, %v; want %s", name, s.Name, err, want)
		}
	}
	if _, err := Load(t.Context(), "./web", Options{}); err == nil {
		t.Error("a path was taken for a name")
	}
}

// smolBSD's definitions include a file by the path that it has in the builder.
func TestBuilderPath(t *testing.T) {
	root := t.TempDir()
	for path, text := range map[string]string{
		"service/common/sailor.vars": "shippath=\"/drive2\"\nshipbins=\"/bin/sh ${prefix}/bin/x\"\n",
		"service/tiny/sailor.conf":   ". /service/common/sailor.vars\n\nshipname=tiny\nshipbins=\"$shipbins /bin/ksh\"\n",
	} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Load(t.Context(), filepath.Join(root, "service/tiny/sailor.conf"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.Bins, " "); got != "/bin/sh /usr/pkg/bin/x /bin/ksh" || s.ShipPath != "/drive2" {
		t.Errorf("shipbins %q, shippath %q", got, s.ShipPath)
	}
}

// What a definition asks about packages is answered as in a guest that has
// none yet.
func TestPackageQueries(t *testing.T) {
	path := confFile(t, `shipname=x
if pkg_info -e nginx >/dev/null; then packages="wrong"; fi
for p in $(pkgin -p list) $(pkg_info -a); do packages="$packages $p"; done
packages="$packages $(pkg_info -QLOCALBASE pkgin) $(id -u) $(sysctl -n hw.machine) $(which sh nginx)"
`)
	s, err := Load(t.Context(), path, Options{Guest: image.Guest{OS: "netbsd", Arch: "amd64"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/usr/pkg", "0", "amd64", "/bin/sh", "/usr/pkg/sbin/nginx"}, s.Packages); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSignalName(t *testing.T) {
	for _, tt := range []struct{ text, system, want string }{
		{"SIGTERM", "linux", "SIGTERM"},
		{"quit", "netbsd", "SIGQUIT"},
		{"3", "linux", "SIGQUIT"},
		{"10", "linux", "SIGUSR1"},
		{"10", "netbsd", "SIGBUS"},
		{"30", "netbsd", "SIGUSR1"},
		{"SIGRTMIN+3", "linux", "SIGRTMIN+3"},
		{"RTMAX", "linux", "SIGRTMAX"},
		{"0", "linux", ""},
		{"99", "linux", ""},
		{"", "linux", ""},
		{"SIG", "linux", ""},
		{"RTMIN+99", "linux", ""},
		{"-3", "linux", ""},
	} {
		got, err := signalName(tt.text, tt.system)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("signalName(%q, %s) = %q, %v; want %q", tt.text, tt.system, got, err, tt.want)
		}
	}
}
