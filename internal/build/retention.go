package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
)

// retention says what a folder of the cache keeps. What it removes can be made
// again, at the price of running steps and unpacking archives once more.
type retention struct {
	unused time.Duration // not used for so long: removed
	bytes  int64         // that all may take together; the longest unused go first
	spared time.Duration // used since then: kept in any case
}

var (
	// keepPacks is for what steps and archives made. A build reads packs until
	// its image is kept, and the limit of a step is an hour: whoever used a
	// pack a day ago is done with it.
	keepPacks = retention{unused: 30 * 24 * time.Hour, bytes: 8 << 30, spared: 24 * time.Hour}
	// keepBuilds is for the lists of files that builds made. Each is read at once.
	keepBuilds = retention{unused: 30 * 24 * time.Hour, bytes: 1 << 30}
)

// A stock is a folder of the cache whose files come and go.
type stock struct{ dir, suffix string }

func (o Options) stepPacks() stock { return stock{filepath.Join(o.Cache, "steps"), ".pack"} } // what steps changed
func (o Options) addPacks() stock  { return stock{filepath.Join(o.Cache, "adds"), ".pack"} }  // what ADD got and unpacked
func (o Options) earlier() stock   { return stock{filepath.Join(o.Cache, "builds"), ".build"} }

// file is where the stock has what goes by the name.
func (s stock) file(name string) string { return filepath.Join(s.dir, name+s.suffix) }

// lock keeps evict away.
func (s stock) lock(ctx context.Context) (unlock func() error, err error) {
	return atomicfile.Lock(ctx, filepath.Join(s.dir, ".lock"))
}

// evict keeps within bounds what builds leave in the cache. It is a courtesy:
// what it can't remove, the next may.
func (o Options) evict() {
	for _, s := range []stock{o.stepPacks(), o.addPacks()} {
		if err := s.evict(keepPacks); err != nil && o.Logger != nil {
			o.Logger.Warn("the cache keeps more than it should", "err", err)
		}
	}
}

// use notes that the file is used now, so that it stays for the time that is
// spared. Where it is not there, or can only be read, nothing happens.
func (s stock) use(ctx context.Context, file string) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return
	}
	_ = os.Chtimes(file, time.Time{}, time.Now())
	_ = unlock() // only closes a file
}

// evict removes what r doesn't keep. Where another process is at it, it is
// left to that.
func (s stock) evict(r retention) error {
	lock, err := atomicfile.TryLockFile(filepath.Join(s.dir, ".lock"))
	if errors.Is(err, atomicfile.ErrLocked) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = errors.Join(s.remove(r), lock.Close())
	}
	if err != nil {
		return fmt.Errorf("remove what was not used for long: %w", err)
	}
	return nil
}

func (s stock) remove(r retention) error {
	if err := atomicfile.Sweep(s.dir, atomicfile.Prefix, atomicfile.Stale); err != nil {
		return err // what killed builds left
	}
	paths, err := filepath.Glob(filepath.Join(globQuote(s.dir), "*"+s.suffix))
	if err != nil {
		return err
	}
	type kept struct {
		path string
		fs.FileInfo
	}
	var all []kept
	for _, p := range paths {
		fi, err := os.Lstat(p)
		if errors.Is(err, fs.ErrNotExist) { // somebody empties the cache
			continue
		}
		if err != nil {
			return err
		}
		all = append(all, kept{p, fi})
	}
	slices.SortFunc(all, func(a, b kept) int {
		return cmp.Or(b.ModTime().Compare(a.ModTime()), cmp.Compare(a.path, b.path))
	})
	var total int64
	for _, k := range all {
		total += k.Size()
		age := time.Since(k.ModTime())
		if age > r.spared && (age > r.unused || total > r.bytes) {
			if rmErr := os.Remove(k.path); !errors.Is(rmErr, fs.ErrNotExist) {
				err = errors.Join(err, rmErr)
			}
		}
	}
	return err
}
