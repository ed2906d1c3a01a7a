package build

import (
	"strings"
	"testing"
	"time"

	"github.com/fakecracker/fakecracker/internal/ship"
	"github.com/fakecracker/fakecracker/internal/tree"
)

func TestServicesAreEnabledByTheirVariable(t *testing.T) {
	for _, tt := range []struct{ service, script, want string }{
		{"nginx", "name=\"nginx\"\nrcvar=$name\n", "nginx=YES"},
		{"php-fpm", "name=\"php_fpm\"\nrcvar=${name}\n", "php_fpm=YES"},
		{"my-own", "#!/bin/sh\nexec /bin/x\n", "my_own=YES"},
		{"a", "name='b'\nrcvar=\"${name}_too\" # why\n", "b_too=YES"},
		{"c", "name=c\nrcvar=\n", "c=YES"},
		{"d", "name=$(basename $0)\n", "d=YES"},
		{"e", "name=e\n  name=f\nname=g\n", "e=YES"},
		{"1st", "", "error: services: /etc/rc.d/1st can't be enabled in rc.conf"},
		{"none", "-", "error: services: there is no /etc/rc.d/none"},
	} {
		t.Run(tt.service, func(t *testing.T) {
			b := builder{state: new(state), ship: ship.Ship{Name: "web", Services: []string{tt.service}}}
			putAll(t, &b.tree, tree.NewFile("/etc/rc.conf", 0o644, []byte("rc_configured=YES"), time.Time{}, ""))
			if tt.script != "-" {
				putAll(t, &b.tree, tree.NewFile("/etc/rc.d/"+tt.service, 0o755, []byte(tt.script), time.Time{}, ""))
			}
			if err := b.enableServices(t.Context()); err != nil {
				if got := "error: " + strings.TrimPrefix(err.Error(), "web: "); !strings.HasPrefix(got, tt.want) {
					t.Errorf("enableServices = %s, want %s", got, tt.want)
				}
				return
			}
			got, err := b.tree.ReadFile("/etc/rc.conf", 1<<10)
			if want := "rc_configured=YES\n" + tt.want + "\n"; err != nil || string(got) != want {
				t.Errorf("rc.conf is %q (%v), want %q", got, err, want)
			}
			if _, variable, _ := strings.Cut(tt.want, "="); variable != "" && (len(b.report.Notes) > 0) != (tt.want != tt.service+"=YES") {
				t.Errorf("notes: %q", b.report.Notes)
			}
		})
	}
}
