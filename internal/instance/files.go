package instance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
	"github.com/fakecracker/fakecracker/internal/disk"
	"github.com/fakecracker/fakecracker/internal/machine/qemu"
)

// files are what a machine's drives are connected to: the shared root disk
// and a private layer over it, unless the guest has a root of its own, and the
// guest's configuration. The last two have no name, so that nothing is left
// when they are closed.
type files struct {
	backing, layer, config *os.File
}

// openFiles opens the plan's disks, with the line's key in the guest's
// configuration.
func (p *Plan) openFiles(key []byte) (f files, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	dir := filepath.Dir(p.Disk.Path)
	if p.Options.Steps == nil {
		if f.backing, err = os.Open(p.Disk.Path); err != nil {
			return f, fmt.Errorf("open the root disk: %w", err)
		}
		if f.layer, err = disk.NewLayer(dir, p.Disk.Size); err != nil {
			return f, err
		}
	}
	c := p.Config
	c.Key = key
	content, err := wire.EncodeConfig(c)
	if err != nil {
		return f, err
	}
	f.config, err = disk.ConfigDisk(dir, content)
	return f, err
}

func (f files) drives() map[string]qemu.DriveFiles {
	drives := map[string]qemu.DriveFiles{configDrive: {Layer: f.config}}
	if f.layer != nil {
		drives[rootDrive] = qemu.DriveFiles{Layer: f.layer, Backing: f.backing}
	}
	return drives
}

// close closes what is open.
func (f files) close() error {
	var errs []error
	for _, file := range []*os.File{f.backing, f.layer, f.config} {
		if file != nil {
			errs = append(errs, file.Close())
		}
	}
	return errors.Join(errs...)
}
