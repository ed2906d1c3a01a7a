//go:build linux || netbsd

package guest

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

// findConfig reads the configuration from the first disk that holds one, and
// says which it was.
func findConfig() (wire.Config, string, error) {
	for deadline := time.Now().Add(diskTime); ; time.Sleep(2 * time.Millisecond) {
		var reasons []string
		for _, device := range configDevices() {
			c, err := readConfig(device)
			if err == nil || !mayBeElsewhere(err) {
				return c, device, err
			}
			reasons = append(reasons, err.Error())
		}
		if time.Now().After(deadline) {
			return wire.Config{}, "", fmt.Errorf("there is no configuration disk: %s", strings.Join(reasons, "; "))
		}
	}
}

func readConfig(device string) (wire.Config, error) {
	f, err := os.Open(device)
	if err != nil {
		return wire.Config{}, err
	}
	defer f.Close()
	c, err := wire.DecodeConfig(f)
	if err != nil {
		return wire.Config{}, fmt.Errorf("%s: %w", device, err)
	}
	return c, nil
}

// mayBeElsewhere reports whether err leaves it open that another disk holds
// the configuration, or that the disk is yet to appear.
func mayBeElsewhere(err error) bool {
	var open *os.PathError
	return errors.Is(err, wire.ErrNotConfig) || errors.As(err, &open) && open.Op == "open"
}
