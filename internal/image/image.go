// Package image is what a build makes and a machine starts from: files, and
// how the service in them is run.
package image

import (
	"time"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// An Image is a ship that was built.
type Image struct {
	Name   string    `json:"name"`
	Guest  Guest     `json:"guest"`
	Tree   tree.Tree `json:"tree"`
	Config Config    `json:"config"`
}

// Guest is the operating system and processor an image is made for.
type Guest struct {
	OS   string `json:"os"`   // "netbsd" or "linux"
	Arch string `json:"arch"` // "i386" or "amd64", NetBSD's names
}

// String returns "netbsd/i386" or the like.
func (g Guest) String() string { return g.OS + "/" + g.Arch }

// Config is how the service is run.
type Config struct {
	Entrypoint []string `json:"entrypoint,omitempty"` // argv before Cmd
	Cmd        []string `json:"cmd,omitempty"`        // argv; argv[0] without a slash is looked up in PATH
	Env        []string `json:"env,omitempty"`        // K=V
	User       string   `json:"user,omitempty"`       // name or uid, with :group; root when empty
	WorkDir    string   `json:"workdir,omitempty"`    // "/" when empty
	Expose     []uint16 `json:"expose,omitempty"`     // TCP ports the service listens on
	ExposeUDP  []uint16 `json:"exposeUDP,omitempty"`  // UDP ports
	Memory     int64    `json:"memory,omitempty"`     // bytes the guest should have; 0: the default
	Init       bool     `json:"init,omitempty"`       // the files bring /sbin/init and /etc/rc of their own

	Labels     map[string]string `json:"labels,omitempty"`
	Volumes    []string          `json:"volumes,omitempty"`    // absolute paths that data lives in
	Publish    []string          `json:"publish,omitempty"`    // "HOST:GUEST", what its author publishes by default
	StopSignal string            `json:"stopSignal,omitempty"` // "SIGQUIT"; "": SIGTERM
	Shell      []string          `json:"shell,omitempty"`      // for shell forms; nil: /bin/sh -c
	Health     *Health           `json:"health,omitempty"`
	ReadOnly   bool              `json:"readOnly,omitempty"` // the root is not to be written
	DiskSize   int64             `json:"diskSize,omitempty"` // bytes the root should have at the least; 0: what fits
	Hooks      Hooks             `json:"hooks,omitzero"`
	Services   []string          `json:"services,omitempty"` // rc.d names that rc.conf enables

	// OnBuild are an image's triggers: instructions of a Dockerfile that a build
	// FROM it is to run first of all. An image that was built has none: they
	// are for one build only, and no ship can set any.
	OnBuild []string `json:"onBuild,omitempty"`
}

// Args returns the argv of the service: Entrypoint, then Cmd.
func (c Config) Args() []string {
	return append(append([]string(nil), c.Entrypoint...), c.Cmd...)
}

// Health is the command that tells whether the service works. Zero values
// stand for docker's defaults.
type Health struct {
	// Test is empty (the base image's), {"NONE"}, {"CMD", args…} or
	// {"CMD-SHELL", command}.
	Test        []string      `json:"test,omitempty"`
	Interval    time.Duration `json:"interval,omitempty"`
	Timeout     time.Duration `json:"timeout,omitempty"`
	StartPeriod time.Duration `json:"startPeriod,omitempty"`
	Retries     int           `json:"retries,omitempty"`
}

// Hooks are shell commands run in the guest at points of its life, in order.
type Hooks struct {
	Start   []string `json:"start,omitempty"`
	Stop    []string `json:"stop,omitempty"`
	Status  []string `json:"status,omitempty"`
	Destroy []string `json:"destroy,omitempty"`
}
