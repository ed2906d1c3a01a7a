package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// home returns the folder that holds all state: $FAKECRACKER_HOME, else for
// root /var/lib/fakecracker, else $XDG_DATA_HOME/fakecracker, else
// ~/.local/share/fakecracker. The folder is made when it is missing.
func (a *app) home() (string, error) {
	dir, err := a.homePath()
	if err != nil {
		return "", err
	}
	// What is in it may be secret: overlays hold keys, and disks the overlays.
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the state folder: %w (set FAKECRACKER_HOME to a folder that can be written)", err)
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return "", fmt.Errorf("write to the state folder %s: %w (set FAKECRACKER_HOME to a folder that can be written)", dir, err)
	}
	return dir, nil
}

func (a *app) homePath() (string, error) {
	if dir := a.getenv("FAKECRACKER_HOME"); dir != "" {
		return filepath.Abs(dir)
	}
	if dir := a.getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "fakecracker"), nil
	}
	if os.Geteuid() == 0 {
		return "/var/lib/fakecracker", nil
	}
	if dir := a.getenv("HOME"); dir != "" {
		return filepath.Join(dir, ".local/share/fakecracker"), nil
	}
	return "", errors.New("find the state folder: neither FAKECRACKER_HOME nor HOME is set")
}
