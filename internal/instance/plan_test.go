package instance

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/kernel"
	"github.com/fakecracker/fakecracker/internal/machine"
)

func TestCommandLine(t *testing.T) {
	nics := []machine.NIC{{ID: nicID}}
	i386 := machine.Machine{OS: machine.NetBSD, Arch: "i386", Type: machine.TypePC, NICs: nics}
	micro := machine.Machine{OS: machine.NetBSD, Arch: "amd64", Type: machine.TypeMicroVM, NICs: nics}
	linux := machine.Machine{OS: machine.Linux, Arch: "amd64", Type: machine.TypePC}
	tests := []struct {
		name string
		m    machine.Machine
		root string
		more string
		want string
	}{
		{"netbsd", i386, "ld0a", "", "console=com root=ld0a"},
		{"a wedge", i386, "NAME=nginxroot", "", "console=com root=NAME=nginxroot"},
		{"flags come first", i386, "ld0a", "foo=1 -v -x", "-v -x console=com root=ld0a foo=1"},
		{"microvm's devices", micro, "ld0a", "", "console=com root=ld0a virtio_mmio.device=512@0xfeb02e00:47"},
		{"linux", linux, "/dev/vda", "debug", "console=ttyS0 reboot=t panic=-1 no_timer_check quiet debug"},
	}
	for _, tt := range tests {
		if got := commandLine(tt.m, tt.root, tt.more); got != tt.want {
			t.Errorf("%s: %q; want %q", tt.name, got, tt.want)
		}
	}
}

func TestMachineType(t *testing.T) {
	netbsd := kernel.Info{OS: "netbsd", Arch: "amd64", Machines: []string{"microvm", "pc"}}
	i386 := kernel.Info{OS: "netbsd", Arch: "i386", Machines: []string{"pc"}}
	linux := kernel.Info{OS: "linux", Arch: "amd64", Machines: []string{"microvm", "pc"}}
	tests := []struct {
		name         string
		info         kernel.Info
		asked, accel string
		want         string // "" is an error
	}{
		{"microvm first", netbsd, "", "tcg", "microvm"},
		{"as asked", netbsd, "pc", "tcg", "pc"},
		{"what it boots on", i386, "", "tcg", "pc"},
		{"not what it can't", i386, "microvm", "tcg", ""},
		{"linux, emulated", linux, "", "tcg", "pc"},
		{"linux, accelerated", linux, "", "kvm", "microvm"},
		{"linux has no clock", linux, "microvm", "tcg", ""},
	}
	for _, tt := range tests {
		got, err := machineType(Options{Machine: tt.asked, Accel: tt.accel, Kernel: kernel.Kernel{Info: tt.info}})
		if (err == nil) != (tt.want != "") || err == nil && got != tt.want {
			t.Errorf("%s: %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
}

func TestGuestConfig(t *testing.T) {
	o := Options{
		Name:   "web",
		Subnet: netip.MustParsePrefix("192.168.2.7/24"),
		Env:    []string{"B=2", "A=new"},
		Image: image.Image{
			Guest:  image.Guest{OS: machine.NetBSD, Arch: "i386"},
			Config: image.Config{Cmd: []string{"nginx"}, Env: []string{"A=old", "C=3"}, User: "www", WorkDir: "/srv"},
		},
	}
	c := guestConfig(o)
	if got := c.Network.Address.String(); got != "192.168.2.15/24" {
		t.Errorf("address %s; want 192.168.2.15/24", got)
	}
	if got := c.Network.Gateway.String(); got != "192.168.2.2" {
		t.Errorf("gateway %s; want 192.168.2.2", got)
	}
	if d := cmp.Diff([]string{"C=3", "B=2", "A=new"}, c.Service.Env); d != "" {
		t.Errorf("environment (-want +got):\n%s", d)
	}
	if c.Init != "" || c.Service.User != "www" || c.Service.Dir != "/srv" {
		t.Errorf("service %+v, init %q", c.Service, c.Init)
	}
	o.Boot = BootGuest
	if c := guestConfig(o); c.Init != "/sbin/init" || len(c.Service.Args) > 0 {
		t.Errorf("a guest's own init: %+v", c)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestOptionsComplete(t *testing.T) {
	cmd := image.Config{Cmd: []string{"x"}}
	tests := []struct {
		name string
		o    Options
		err  string
		boot Boot
	}{
		{"agent", Options{Image: image.Image{Name: "a", Config: cmd}}, "", BootAgent},
		{"its own init", Options{Image: image.Image{Name: "a", Config: image.Config{Init: true}}}, "", BootGuest},
		{"the agent all the same", Options{Boot: BootAgent, Image: image.Image{Name: "a", Config: image.Config{Init: true, Cmd: []string{"x"}}}}, "", BootAgent},
		{"no init", Options{Boot: BootGuest, Image: image.Image{Name: "a", Config: cmd}}, "it brings no /sbin/init", ""},
		{"nothing to start", Options{Image: image.Image{Name: "a"}}, "it starts nothing", ""},
		{"a bad name", Options{Name: "a b", Image: image.Image{Name: "a", Config: cmd}}, `name "a b"`, ""},
	}
	for _, tt := range tests {
		got, err := tt.o.complete()
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: error %v; want %q in it", tt.name, err, tt.err)
			}
			continue
		}
		if err != nil || got.Boot != tt.boot || got.Memory != DefaultMemory || got.CPUs != 1 {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
	}
}

func TestNewNameIsValid(t *testing.T) {
	for range 100 {
		if name := NewName("nginx"); CheckName(name) != nil || !strings.HasPrefix(name, "nginx-") {
			t.Fatalf("NewName = %q", name)
		}
	}
}

func TestTimelineLeavesOutWhatIsUnknown(t *testing.T) {
	line := Timeline{Disk: 5 * time.Millisecond, Ready: 1500 * time.Millisecond}
	if got, want := line.String(), "disk 5 ms · answering 1500 ms"; got != want {
		t.Errorf("String() = %q; want %q", got, want)
	}
}
