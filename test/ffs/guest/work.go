//go:build linux || netbsd

package main

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/fakecracker/fakecracker/test/ffs/trial"
)

// ours is the folder that all new files are in.
const ours = "/guest"

// work is what a guest writes onto a disk.
type work struct {
	*trial.Load
	report *trial.Report
	rand   *rand.Rand
	files  map[string]trial.Content // regular files of one name, as they should be
	chunk  []byte
}

func newWork(j trial.Job, r *trial.Report) *work {
	return &work{
		Load:   j.Load,
		report: r,
		rand:   rand.New(rand.NewPCG(uint64(j.Load.Seed), 0)),
		files:  maps.Clone(j.Load.Files),
		chunk:  make([]byte, 64<<10),
	}
}

// A step is a part of the work.
type step struct {
	name  string
	fills bool // it goes on until there is no room
	do    func() error
}

// run does the steps that the load asks for. Only those that fill the disk
// may find no room.
func (w *work) run() error {
	for _, s := range []step{
		{"make files", false, w.makeFiles},
		{"spread files over the groups", false, w.spread},
		{"make links and nodes", false, w.makeNodes},
		{"make sparse files", false, w.makeSparse},
		{"change the files that were there", false, w.changeOld},
		{"change attributes", false, w.changeAttributes},
		{"remove", false, w.remove},
		{"rename", false, w.rename},
		{"fill the inodes", true, w.fillInodes},
		{"fill the space", true, w.fillSpace},
	} {
		if w.Kind == trial.Some && s.fills || w.Kind == trial.Only && !s.fills {
			continue
		}
		fmt.Printf("guest: %s: %s\n", w.report.Job, s.name)
		if err := s.do(); err != nil && !(w.Kind == trial.Only && errors.Is(err, errFull)) {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// sizes are those around which blocks, fragments and levels of indirection
// begin.
func (w *work) sizes() []int64 {
	var all []int64
	for _, at := range []int64{0, 512, w.FragmentSize, 3 * w.FragmentSize, w.BlockSize, w.BlockSize + w.FragmentSize, 3 * w.BlockSize, 12 * w.BlockSize, 13 * w.BlockSize} {
		for d := int64(-1); d <= 1; d++ {
			if at+d >= 0 {
				all = append(all, at+d)
			}
		}
	}
	return all
}

// makeFiles makes folders of files.
func (w *work) makeFiles() error {
	if err := os.Mkdir(mountPoint+ours, 0o755); err != nil {
		return err
	}
	for d := range 4 {
		dir := fmt.Sprintf("%s/folder%d", ours, d)
		if err := os.MkdirAll(mountPoint+dir+"/a/b", 0o755); err != nil {
			return err
		}
		for i, size := range w.sizes() {
			name := fmt.Sprintf("%s/file%d", dir, i)
			if i%5 == 0 {
				name = fmt.Sprintf("%s/a/b/%d%s", dir, i, strings.Repeat("long", 63)[:250])
			}
			if err := w.write(name, w.rand.Uint32(), 0, size); err != nil {
				return err
			}
		}
	}
	return nil
}

// spread makes folders in the root, each of which the kernel puts into another
// group.
func (w *work) spread() error {
	for i := range 40 {
		dir := fmt.Sprintf("/spread%d", i)
		if err := os.Mkdir(mountPoint+dir, 0o755); err != nil {
			return err
		}
		if err := w.write(dir+"/file", w.rand.Uint32(), 0, 2*w.BlockSize+1); err != nil {
			return err
		}
	}
	return nil
}

// write writes [off, end) of a file, a new one if need be, and notes what got
// there.
func (w *work) write(name string, seed uint32, off, end int64) error {
	c, ok := w.files[name]
	if !ok {
		c = trial.Content{Seed: seed}
	}
	f, err := os.OpenFile(mountPoint+name, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	w.files[name] = c
	full := trial.Dense(c.Seed, end)
	for off < end {
		b := w.chunk[:min(int64(len(w.chunk)), end-off)]
		if _, err := full.ReadAt(b, off); err != nil {
			return err
		}
		n, err := f.WriteAt(b, off)
		// Of a write that found no room the kernel keeps nothing, or what
		// it says.
		c.Write(off, int64(n))
		w.files[name] = c
		if err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}

// makeNodes makes links of all kinds, and files that hold nothing.
func (w *work) makeNodes() error {
	dir := mountPoint + ours
	for i, n := range []int{1, 58, 59, 60, 61, 118, 119, 120, 121, 255, 1000, 1023} {
		if err := os.Symlink(strings.Repeat("x", n), fmt.Sprintf("%s/symlink%d", dir, i)); err != nil {
			return err
		}
	}
	if err := w.write(ours+"/linked", 5, 0, 3*w.FragmentSize); err != nil {
		return err
	}
	delete(w.files, ours+"/linked") // it has more names than one
	for i := range 9 {
		if err := os.Link(dir+"/linked", fmt.Sprintf("%s/folder%d/link%d", dir, i%4, i)); err != nil {
			return err
		}
	}
	for i := range 9 {
		if err := os.Mkdir(fmt.Sprintf("%s/empty%d", dir, i), 0o1777); err != nil {
			return err
		}
	}
	return errors.Join(
		syscall.Mkfifo(dir+"/fifo", 0o600),
		makeNode(dir+"/null", syscall.S_IFCHR|0o666, 2<<8|2),
		makeNode(dir+"/disk", syscall.S_IFBLK|0o640, 19<<8|0x123<<20|0x56),
	)
}

// makeSparse writes at each place of a file, in and between the levels of
// indirection, and cuts another one within.
func (w *work) makeSparse() error {
	for _, at := range w.Sparse {
		if err := w.write(ours+"/sparse", 77, at, at+w.BlockSize+100); err != nil {
			return err
		}
		if err := w.write(ours+"/cut", 78, at, at+2*w.BlockSize); err != nil {
			return err
		}
	}
	if len(w.Sparse) == 0 {
		return nil
	}
	for i := range w.Sparse {
		at := w.Sparse[len(w.Sparse)-1-i]
		if err := w.truncate(ours+"/cut", at+w.BlockSize/2+1); err != nil {
			return err
		}
	}
	// Zeros up to the end, which has no block; and data in the hole after.
	if err := w.truncate(ours+"/cut", w.Sparse[len(w.Sparse)-1]+9); err != nil {
		return err
	}
	return w.write(ours+"/cut", 78, 5*w.BlockSize+3, 9*w.BlockSize+5)
}

func (w *work) truncate(name string, size int64) error {
	if err := os.Truncate(mountPoint+name, size); err != nil {
		return err
	}
	c := w.files[name]
	c.Truncate(size)
	w.files[name] = c
	return nil
}

// oldFiles are those that the disk came with, in order.
func (w *work) oldFiles() []string {
	var names []string
	for _, p := range slices.Sorted(maps.Keys(w.Load.Files)) {
		if _, ok := w.files[p]; ok {
			names = append(names, p)
		}
	}
	return names
}

// changeOld makes files longer and shorter that the disk came with, so that
// the kernel moves the fragments that we gave them, and fills holes.
func (w *work) changeOld() error {
	for i, name := range w.oldFiles() {
		if strings.HasPrefix(name, "/many/") && i%10 > 0 {
			continue
		}
		c := w.files[name]
		var err error
		switch i % 7 {
		case 0:
			err = w.write(name, 0, c.Size, c.Size+w.FragmentSize/2+1)
		case 1:
			err = w.write(name, 0, c.Size+w.BlockSize, c.Size+2*w.BlockSize)
		case 2:
			err = w.truncate(name, c.Size/2)
		case 3:
			err = w.write(name, 0, c.Size/3, c.Size/3+w.FragmentSize)
		case 4:
			err = w.delete(name)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (w *work) delete(name string) error {
	delete(w.files, name)
	return os.Remove(mountPoint + name)
}

// changeAttributes changes what an inode says of itself.
func (w *work) changeAttributes() error {
	for i := range w.sizes() {
		name := fmt.Sprintf("%s%s/folder0/file%d", mountPoint, ours, i)
		if _, err := os.Stat(name); err != nil {
			continue
		}
		if err := os.Chown(name, 1000+i, 1<<20+i); err != nil {
			return err
		}
		if err := os.Chmod(name, os.FileMode(i)|os.ModeSetuid|os.ModeSticky); err != nil {
			return err
		}
		if err := setTimes(name, trial.Time{Sec: int64(1e9 + i), Nsec: 1}, trial.Time{Sec: 1e8, Nsec: int64(999999999 - i)}); err != nil {
			return err
		}
		if err := setFlags(name, 1); err != nil { // UF_NODUMP
			return err
		}
	}
	return nil
}

// isOurs tells the files of makeFiles.
func isOurs(p string) bool { return strings.HasPrefix(p, ours+"/folder") }

// remove removes every third file that it made, and whole folders.
func (w *work) remove() error {
	for i, p := range slices.Sorted(maps.Keys(w.files)) {
		if i%3 == 0 && isOurs(p) {
			if err := w.delete(p); err != nil {
				return err
			}
		}
	}
	dir := ours + "/folder3"
	for p := range w.files {
		if strings.HasPrefix(p, dir+"/") {
			delete(w.files, p)
		}
	}
	if err := os.RemoveAll(mountPoint + dir); err != nil {
		return err
	}
	for i := range 4 {
		if err := os.RemoveAll(fmt.Sprintf("%s%s/empty%d", mountPoint, ours, i)); err != nil {
			return err
		}
	}
	return nil
}

// rename gives files other names, some over other files, and moves a folder.
func (w *work) rename() error {
	for i, p := range slices.Sorted(maps.Keys(w.files)) {
		if i%4 != 1 || !isOurs(p) {
			continue
		}
		to := string(fmt.Sprintf("%s/empty8/renamed%d", ours, i%16))
		if err := os.Rename(mountPoint+p, mountPoint+to); err != nil {
			return err
		}
		w.files[to] = w.files[p]
		delete(w.files, p)
	}
	from, to := ours+"/folder1", ours+"/empty7/moved"
	if err := os.Rename(mountPoint+from, mountPoint+to); err != nil {
		return err
	}
	for p, c := range maps.Clone(w.files) {
		if rest, ok := strings.CutPrefix(p, from+"/"); ok {
			w.files[string(filepath.Join(to, rest))] = c
			delete(w.files, p)
		}
	}
	return nil
}
