package guest

import (
	"errors"
	"path/filepath"
	"time"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

// diskTime is how long the disks may take to appear.
const diskTime = 5 * time.Second

// configDevices are all virtio disks, the second one first.
func configDevices() []string {
	disks := virtioDisks()
	if len(disks) > 1 {
		disks[0], disks[1] = disks[1], disks[0]
	}
	return disks
}

func virtioDisks() []string {
	disks, err := filepath.Glob("/dev/vd[a-z]")
	if err != nil {
		return nil // of bad patterns only
	}
	return disks
}

func rootDevice(r wire.Root, configDisk string) (string, error) {
	if r.Device != "" {
		return r.Device, nil
	}
	for _, d := range virtioDisks() {
		if d != configDisk {
			return d, nil
		}
	}
	return "", errors.New("there is no root disk: only the configuration disk was found")
}
