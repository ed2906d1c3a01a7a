package buildvm

import (
	"fmt"

	"github.com/fakecracker/fakecracker/internal/agent/wire"
)

// A snapshot is all names of a root at one moment, folders before what is in
// them.
type snapshot struct {
	files   []wire.File
	byPath  map[string]int   // index in files
	byInode map[uint64][]int // indexes in files, in their order
}

func newSnapshot(files []wire.File) *snapshot {
	s := &snapshot{files: files, byPath: make(map[string]int, len(files)), byInode: make(map[uint64][]int, len(files))}
	for i, f := range files {
		s.byPath[f.Path] = i
		if !f.Mounted { // its number is of another file system
			s.byInode[f.Inode] = append(s.byInode[f.Inode], i)
		}
	}
	return s
}

// at returns the file at p.
func (s *snapshot) at(p string) (wire.File, bool) {
	i, ok := s.byPath[p]
	if !ok {
		return wire.File{}, false
	}
	return s.files[i], true
}

// names returns the paths of an inode.
func (s *snapshot) names(inode uint64) []string {
	var names []string
	for _, i := range s.byInode[inode] {
		names = append(names, s.files[i].Path)
	}
	return names
}

// has reports whether f is as it was at this moment, whatever its name.
func (s *snapshot) has(f wire.File) bool {
	all := s.byInode[f.Inode]
	return len(all) > 0 && same(s.files[all[0]], f)
}

// same reports whether two inodes are one that was not changed: everything
// that does so sets the time of change. The times of devices are those of
// their use, and count for nothing.
func same(a, b wire.File) bool {
	if a.Inode != b.Inode || a.Generation != b.Generation || a.Mode != b.Mode || a.UID != b.UID || a.GID != b.GID ||
		a.Major != b.Major || a.Minor != b.Minor || a.Target != b.Target || a.Mounted != b.Mounted {
		return false
	}
	if isDevice(a) {
		return true
	}
	return a.Size == b.Size && a.Links == b.Links && a.ModTime.Equal(b.ModTime) && a.ChangeTime.Equal(b.ChangeTime)
}

func isDevice(f wire.File) bool { return f.Type() == wire.TypeChar || f.Type() == wire.TypeBlock }

// fits refuses files that are larger than the disk that holds them: sparse
// ones, whose holes would have to be stored.
func (s *snapshot) fits(disk int64) error {
	for _, f := range s.files {
		if f.Type() == wire.TypeFile && f.Size > disk {
			return fmt.Errorf("%s has %d bytes, mostly holes, and its disk has %d: remove it in the step that made it", f.Path, f.Size, disk)
		}
	}
	return nil
}
