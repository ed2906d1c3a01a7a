package initramfs

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Linux writes the initramfs that a Linux guest starts from: the agent as
// /init, the kernel modules that the files named by modules hold, and a list
// by which the agent loads them in that order. The agent finds the root disk,
// makes it the root and stays PID 1.
func Linux(w io.Writer, agent []byte, modules []string) error {
	const device = fs.ModeDevice | fs.ModeCharDevice
	files := []File{
		{Path: "dev", Mode: fs.ModeDir | 0o755},
		// The kernel gives /init this console; Go's runtime wants /dev/null
		// before there is a devtmpfs.
		{Path: "dev/console", Mode: device | 0o600, Major: 5, Minor: 1},
		{Path: "dev/null", Mode: device | 0o666, Major: 1, Minor: 3},
		{Path: "proc", Mode: fs.ModeDir | 0o755},
		{Path: "sys", Mode: fs.ModeDir | 0o755},
		{Path: "root", Mode: fs.ModeDir | 0o755},
		{Path: "init", Mode: 0o755, Data: agent},
		{Path: "modules", Mode: fs.ModeDir | 0o755},
	}
	var list strings.Builder
	for i, name := range modules {
		fi, err := os.Stat(name)
		if err != nil {
			return fmt.Errorf("write the initramfs: %w", err)
		}
		entry := fmt.Sprintf("%03d-%s", i, filepath.Base(name))
		fmt.Fprintln(&list, entry)
		files = append(files, File{
			Path: "modules/" + entry,
			Mode: 0o644,
			Open: func() (io.ReadCloser, error) { return os.Open(name) },
			Size: fi.Size(),
		})
	}
	files = append(files, File{Path: "modules.list", Mode: 0o644, Data: []byte(list.String())})
	return Write(w, files)
}
