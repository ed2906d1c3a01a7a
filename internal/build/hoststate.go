package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// hostState is the state of the host files that a ship is built from, by what
// stat(2) tells of them.
type hostState struct {
	hash   hash.Hash
	newest time.Time           // the last change of one
	files  map[string][]string // names of those that there are, sorted, by their folder
}

func newHostState() *hostState {
	return &hostState{hash: sha256.New(), files: make(map[string][]string)}
}

// key identifies the state.
func (s *hostState) key() string { return hex.EncodeToString(s.hash.Sum(nil)) }

// has reports whether the file is among those that were looked at.
func (s *hostState) has(host string) bool {
	at := strings.LastIndexByte(host, filepath.Separator)
	if at < 0 {
		return false
	}
	_, ok := slices.BinarySearch(s.files[host[:at]], host[at+1:])
	return ok
}

// addFile adds the state of one file.
func (s *hostState) addFile(host string, fi fs.FileInfo) {
	s.hash.Write(appendState(nil, host, fi))
	s.see(fi.ModTime())
}

func (s *hostState) see(t time.Time) {
	if t.After(s.newest) {
		s.newest = t
	}
}

// addFolder adds the state of all that is below the folder, without what out
// names. Folders are read side by side: of many files, that is most of the
// time that a build takes that has nothing to do.
func (s *hostState) addFolder(ctx context.Context, dir string, out ignore) error {
	fi, err := os.Stat(dir)
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(dir)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return err
	}
	w := stateWalk{ctx: ctx, out: out, more: make(chan struct{}, runtime.GOMAXPROCS(0))}
	top := &folderState{host: real, rel: "."}
	w.read(top)
	w.wg.Wait()
	if out.pm == nil { // else its time may be that of a file that is left out
		s.addFile(dir, fi)
	}
	return s.addTree(top)
}

// addTree adds what was read of the folder and those in it, in their order.
func (s *hostState) addTree(f *folderState) error {
	if f.err != nil {
		return f.err
	}
	s.hash.Write(f.text)
	s.see(f.newest)
	s.files[f.host] = f.files
	for _, below := range f.below {
		if err := s.addTree(below); err != nil {
			return err
		}
	}
	return nil
}

// A folderState is what was read of a folder.
type folderState struct {
	host   string // its path
	rel    string // that from the top
	text   []byte // state of what is in it
	newest time.Time
	files  []string
	below  []*folderState
	err    error
}

// stateWalk reads folders.
type stateWalk struct {
	ctx  context.Context // of this one walk
	out  ignore
	more chan struct{} // has room for as many further goroutines
	wg   sync.WaitGroup
}

// read reads f, and the folders in it as far as others can't do that.
func (w *stateWalk) read(f *folderState) {
	entries, err := os.ReadDir(f.host)
	if f.err = errors.Join(err, w.ctx.Err()); f.err != nil {
		return
	}
	for _, d := range entries {
		if f.err = w.add(f, d); f.err != nil {
			return
		}
	}
	for _, below := range f.below {
		select {
		case w.more <- struct{}{}:
			w.wg.Go(func() {
				w.read(below)
				<-w.more
			})
		default:
			w.read(below)
		}
	}
}

// add adds to f the state of what is in it by the name of d.
func (w *stateWalk) add(f *folderState, d fs.DirEntry) error {
	rel := path.Join(f.rel, d.Name())
	if w.out.skip(rel, d.IsDir()) {
		return nil
	}
	host := f.host + string(filepath.Separator) + d.Name()
	fi, err := d.Info()
	if err != nil {
		return err
	}
	if d.IsDir() {
		f.below = append(f.below, &folderState{host: host, rel: rel})
		if w.out.pm != nil { // its time and size may be of a file that is left out
			f.text = strconv.AppendInt(append(append(f.text, rel...), 0), int64(fi.Mode()), 36)
			f.text = append(f.text, 0)
			return nil
		}
	}
	f.text = appendState(f.text, rel, fi)
	if fi.ModTime().After(f.newest) {
		f.newest = fi.ModTime()
	}
	switch {
	case fi.Mode().IsRegular():
		f.files = append(f.files, d.Name())
	case fi.Mode()&fs.ModeSymlink != 0:
		link, err := os.Readlink(host)
		if err != nil {
			return err
		}
		f.text = append(append(f.text, link...), 0)
	}
	return nil
}

// appendState appends the state of the file to b.
func appendState(b []byte, name string, fi fs.FileInfo) []byte {
	b = append(append(b, name...), 0)
	for _, n := range []int64{int64(fi.Mode()), fi.Size(), fi.ModTime().UnixNano()} {
		b = append(strconv.AppendInt(b, n, 36), ' ')
	}
	for _, n := range identity(fi) {
		b = append(strconv.AppendUint(b, n, 36), ' ')
	}
	return append(b, 0)
}
