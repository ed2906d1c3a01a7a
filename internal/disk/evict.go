package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// retention says which disks the cache folder keeps. What it removes can be
// made again.
type retention struct {
	unused time.Duration // not used for so long: removed
	bytes  int64         // that all may take on the host's disk, holes not counted; the longest unused go first
	spared time.Duration // used since then: kept in any case
}

// keepDisks is for a developer's machine: a dozen services, each derived anew
// with every change of it. A machine opens its disk right after Derive, and
// keeps one that is removed while it runs: the file only loses its name.
var keepDisks = retention{unused: 30 * 24 * time.Hour, bytes: 8 << 30, spared: time.Hour}

const suffix = ".raw" // of a disk, behind its key's digest

// touch notes that the disk at path is used now. In a folder that can only be
// read it stays as it is.
func touch(path string) { _ = os.Chtimes(path, time.Time{}, time.Now()) }

// A cached is a disk in the cache folder.
type cached struct {
	path  string
	used  time.Time
	bytes int64
}

// evict removes the disks in dir that r doesn't keep.
func (r retention) evict(dir string) error {
	disks, err := cachedDisks(dir)
	if err != nil {
		return fmt.Errorf("remove old disks: %w", err)
	}
	slices.SortFunc(disks, func(a, b cached) int { return b.used.Compare(a.used) })
	var total int64
	for _, d := range disks {
		total += d.bytes
		age := time.Since(d.used)
		if age > r.spared && (age > r.unused || total > r.bytes) {
			if rmErr := os.Remove(d.path); !errors.Is(rmErr, fs.ErrNotExist) {
				err = errors.Join(err, rmErr)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("remove old disks: %w", err)
	}
	return nil
}

func cachedDisks(dir string) ([]cached, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var disks []cached
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), suffix) || !e.Type().IsRegular() {
			continue
		}
		fi, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) { // another removed it meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		disks = append(disks, cached{filepath.Join(dir, e.Name()), fi.ModTime(), onHost(fi)})
	}
	return disks, nil
}

// onHost returns what a file takes on the host's disk, in bytes.
func onHost(fi fs.FileInfo) int64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return int64(st.Blocks) * 512 // the unit of stat(2)
	}
	return fi.Size()
}
