// Package image is what a build makes and a machine starts from: files, and
// how the service in them is run.
package image

import "github.com/fakecracker/fakecracker/internal/tree"

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
	Cmd     []string `json:"cmd,omitempty"`     // argv; argv[0] without a slash is looked up in PATH
	Env     []string `json:"env,omitempty"`     // K=V
	User    string   `json:"user,omitempty"`    // name or uid, with :group; root when empty
	WorkDir string   `json:"workdir,omitempty"` // "/" when empty
	Expose  []uint16 `json:"expose,omitempty"`  // TCP ports the service listens on
	Memory  int64    `json:"memory,omitempty"`  // bytes the guest should have; 0: the default
	Init    bool     `json:"init,omitempty"`    // the files bring /sbin/init and /etc/rc of their own
}
