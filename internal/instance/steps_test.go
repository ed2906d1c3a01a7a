package instance

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fakecracker/fakecracker/internal/agent"
	"github.com/fakecracker/fakecracker/internal/agent/wire"
	"github.com/fakecracker/fakecracker/internal/disk"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/machine"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// TestStepsConfig looks at what a guest with steps is told: no service, and no
// name servers, which would end up in its files.
func TestStepsConfig(t *testing.T) {
	for os, changes := range map[string]string{machine.NetBSD: "", machine.Linux: "/dev/vdc"} {
		o, err := Options{Name: "build", Image: image.Image{Guest: image.Guest{OS: os}, Config: image.Config{Init: true}}, Steps: &Steps{}}.complete()
		if err != nil {
			t.Fatal(err)
		}
		if o.Boot != BootAgent {
			t.Errorf("%s: boot %s", os, o.Boot)
		}
		c := guestConfig(o)
		if diff := cmp.Diff(&wire.Steps{Changes: changes}, c.Steps); diff != "" || len(c.Service.Args) > 0 || c.Network.DNS != nil {
			t.Errorf("%s: %+v; steps (-want +got):\n%s", os, c, diff)
		}
	}
}

func TestOwnDisks(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "root.raw")
	if err := os.WriteFile(root, make([]byte, 4096), 0o444); err != nil {
		t.Fatal(err)
	}
	p := &Plan{
		Options: Options{Steps: &Steps{Dir: dir}},
		Machine: machine.Machine{Drives: []machine.Drive{{ID: rootDrive, Format: "qcow2", Backing: root}, {ID: configDrive}}},
		Config:  wire.Config{Steps: &wire.Steps{Changes: changesDevice}},
		Disk:    disk.Disk{Path: root, Size: 4096},
	}
	if err := p.ownDisks(); err != nil {
		t.Fatal(err)
	}
	changes := filepath.Join(dir, "changes.raw")
	want := []machine.Drive{
		{ID: rootDrive, Path: root, Format: "raw", Volatile: true},
		{ID: configDrive},
		{ID: changesDrive, Path: changes, Format: "raw", Volatile: true},
	}
	if diff := cmp.Diff(want, p.Machine.Drives); diff != "" {
		t.Errorf("drives (-want +got):\n%s", diff)
	}
	if fi, err := os.Stat(changes); err != nil || fi.Size() != 4096+changesSpare {
		t.Errorf("the disk for changes: %v, %v", fi, err)
	}
	if fi, err := os.Stat(root); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the root: %v, %v", fi, err)
	}
}

func TestAgentEntries(t *testing.T) {
	paths := func(all []tree.Entry) []string {
		var s []string
		for _, e := range all {
			s = append(s, e.Path+" "+string(e.Type)+" "+e.Link)
		}
		return s
	}
	if diff := cmp.Diff([]string{"/sbin/init file "}, paths(agentEntries(agent.Program{}, false))); diff != "" {
		t.Error(diff)
	}
	want := []string{AgentPath + " file ", "/sbin/init hardlink " + AgentPath}
	if diff := cmp.Diff(want, paths(agentEntries(agent.Program{}, true))); diff != "" {
		t.Error(diff)
	}
}

// TestDiskSize has an image say how large its root disk is.
func TestDiskSize(t *testing.T) {
	var files tree.Tree
	if err := files.Put(tree.Entry{Path: "/x", Type: tree.File, Size: 100 << 20}); err != nil {
		t.Fatal(err)
	}
	for want, free := range map[int64]int64{0: 0, 1 << 30: 924 << 20, 10 << 20: disk.DefaultFree} {
		o := Options{Image: image.Image{Tree: files, Config: image.Config{DiskSize: want}}}
		if got := o.diskOptions(nil).Free.Bytes; got != free {
			t.Errorf("a disk of %d bytes has %d free, want %d", want, got, free)
		}
	}
}
