package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"
)

const (
	modulesFolder = "/modules"
	modulesList   = "/modules.list"
)

// loadModules loads the initramfs's modules in the order of its list.
func loadModules() error {
	list, err := os.ReadFile(modulesList)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for name := range strings.Lines(string(list)) {
		name = strings.TrimSuffix(name, "\n")
		if err := loadModule(filepath.Join(modulesFolder, name)); err != nil {
			return fmt.Errorf("load the kernel module %s: %w", name, err)
		}
	}
	return nil
}

// moduleCompressed is MODULE_INIT_COMPRESSED_FILE of linux/module.h.
const moduleCompressed = 4

func loadModule(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var flags uintptr
	if filepath.Ext(name) != ".ko" {
		flags = moduleCompressed
	}
	none := [1]byte{}
	_, _, errno := syscall.Syscall(sysFinitModule, f.Fd(), uintptr(unsafe.Pointer(&none[0])), flags)
	if errno == 0 || errno == syscall.EEXIST || errno == syscall.ENODEV {
		return nil // loaded, there already, or for hardware that is not there
	}
	return errno
}
