package ship

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/image"
)

// What a definition says and an image keeps, but no guest is run by: its
// author is told so.
const (
	keptVolume = "a folder of the root: what is written there is gone with the VM"
	keptHealth = "kept with the image: a guest is ready when its ports answer"
	keptHooks  = "kept with the image: nothing runs it in the guest"
	keptAccess = "kept with the image: its root is mounted writable"
)

// isChecked says whether there is a command to check a service by.
func isChecked(h *image.Health) bool {
	return h != nil && len(h.Test) > 0 && h.Test[0] != "NONE"
}

// noteKept notes the variables that the guest isn't run by.
func (c *conf) noteKept(s *Ship) {
	const mounts = "folders of the host are not mounted in a guest: copy what it needs by an overlay"
	for _, v := range []struct {
		name string
		said bool
		why  string
	}{
		{"ro_mounts", c.vars["ro_mounts"] != "", mounts},
		{"rw_mounts", c.vars["rw_mounts"] != "", mounts},
		{"debug", c.vars["debug"] != "", "has no effect here: -v tells more of what goes on"},
		{"volumes", len(s.Config.Volumes) > 0, keptVolume},
		{"healthcheck", isChecked(s.Config.Health), keptHealth},
		{"run_at_start", len(s.Hooks.Start) > 0, keptHooks},
		{"run_at_stop", len(s.Hooks.Stop) > 0, keptHooks},
		{"run_at_status", len(s.Hooks.Status) > 0, keptHooks},
		{"run_at_destroy", len(s.Hooks.Destroy) > 0, keptHooks},
	} {
		if v.said {
			c.note(v.name, v.why)
		}
	}
}

// noteAddresses checks and notes ip_<interface>, in the file's order. sailor
// puts the address on an interface of the host, whose network a chroot
// shares; a guest has a network of its own.
func (c *conf) noteAddresses(*Ship) error {
	var names []string
	for name, value := range c.vars {
		if strings.HasPrefix(name, "ip_") && value != "" && c.lines[name] > 0 {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return 2*(c.lines[a]-c.lines[b]) + strings.Compare(a, b)
	})
	for _, name := range names {
		if _, err := netip.ParsePrefix(c.vars[name]); err != nil {
			return c.wrong(name, errors.New("not an address with the length of its prefix, such as 192.0.2.1/24"))
		}
		c.note(name, "sailor gives the host's interface this address: a guest has a network of its own, of which run publishes ports (-p)")
	}
	return nil
}
