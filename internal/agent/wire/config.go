package wire

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// ConfigVersion is the version of Config that this package writes and reads.
const ConfigVersion = 1

// DefaultPort is the TCP port of the line where Config names none. It is
// below 1024, so that only root can listen there in the agent's place.
const DefaultPort = 1021

// KeySize is the length of the line's key in bytes.
const KeySize = 32

// A Config is all that a guest is told at boot. Members that a reader does
// not know are skipped, so that an older agent can boot from a newer disk.
type Config struct {
	Version  int     `json:"version"` // ConfigVersion
	Hostname string  `json:"hostname,omitempty"`
	Root     Root    `json:"root,omitzero"`
	Network  Network `json:"network,omitzero"`
	// Init is an absolute path. Where it is set, the agent hands PID 1 over
	// to this program once the root is mounted, and does nothing else.
	Init    string  `json:"init,omitempty"`
	Service Service `json:"service,omitzero"`
	// Steps, where it is set, stands in the service's place.
	Steps *Steps `json:"steps,omitempty"`
	Port  uint16 `json:"port,omitempty"` // of the line; 0: DefaultPort
	Key   []byte `json:"key,omitempty"`  // KeySize bytes; empty: there is no line
}

// Root says where the guest's root file system is.
type Root struct {
	Device   string `json:"device,omitempty"` // "/dev/vda"; "": on NetBSD what the kernel mounted, on Linux the first disk that is not the configuration
	FSType   string `json:"fstype,omitempty"` // "": ffs on NetBSD, ext4 on Linux
	ReadOnly bool   `json:"readonly,omitempty"`
}

// Network is the guest's one network interface. IPv4 only.
type Network struct {
	MAC     string       `json:"mac,omitempty"`    // "": the first interface that is not the loopback
	Address netip.Prefix `json:"address,omitzero"` // the zero Prefix: the interface is left alone
	Gateway netip.Addr   `json:"gateway,omitzero"`
	DNS     []netip.Addr `json:"dns,omitempty"`
}

// Service is the program the guest exists for. When it ends, the guest does.
type Service struct {
	Args []string `json:"args,omitempty"` // Args[0] without a slash is looked up in PATH
	Env  []string `json:"env,omitempty"`  // K=V
	User string   `json:"user,omitempty"` // name or number, with :group; "": root
	Dir  string   `json:"dir,omitempty"`  // "": "/"
}

// LinePort is the port of the line.
func (c Config) LinePort() uint16 {
	if c.Port == 0 {
		return DefaultPort
	}
	return c.Port
}

// Validate says what in c a guest could not obey.
func (c Config) Validate() error {
	if c.Version != ConfigVersion {
		return fmt.Errorf("configuration version %d: this program knows version %d", c.Version, ConfigVersion)
	}
	if len(c.Key) != 0 && len(c.Key) != KeySize {
		return fmt.Errorf("key of %d bytes: it must have %d, or none", len(c.Key), KeySize)
	}
	if strings.ContainsAny(c.Hostname, "\x00\n \t") || len(c.Hostname) > 255 {
		return fmt.Errorf("host name %q: at most 255 characters, none of them a space", c.Hostname)
	}
	if c.Init != "" && len(c.Service.Args) > 0 {
		return errors.New("both an init and a service are configured: the init starts its own services")
	}
	if err := c.Network.validate(); err != nil {
		return err
	}
	if err := c.validateSteps(); err != nil {
		return err
	}
	return c.Service.validate()
}

func (n Network) validate() error {
	if n.Address.IsValid() && !n.Address.Addr().Is4() {
		return fmt.Errorf("address %s: only IPv4 is supported", n.Address)
	}
	if n.Gateway.IsValid() && !n.Gateway.Is4() {
		return fmt.Errorf("gateway %s: only IPv4 is supported", n.Gateway)
	}
	for _, a := range n.DNS {
		if !a.IsValid() || a.Zone() != "" {
			return fmt.Errorf("name server %s: not an IP address", a)
		}
	}
	return nil
}

func (s Service) validate() error {
	for _, text := range [][]string{s.Args, s.Env, {s.User, s.Dir}} {
		for _, v := range text {
			if strings.IndexByte(v, 0) >= 0 {
				return fmt.Errorf("service: %q has a NUL byte in it", v)
			}
		}
	}
	for _, v := range s.Env {
		if strings.IndexByte(v, '=') < 1 {
			return fmt.Errorf("service: environment %q is not NAME=VALUE", v)
		}
	}
	return nil
}
