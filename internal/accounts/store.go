package accounts

import (
	"errors"
	"fmt"
	"time"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// file is one of those that Store writes.
type file struct {
	path string
	b    []byte
	mode uint32
	gid  uint32
	// fixed says that the mode is not what a file of that name has already,
	// since everybody could read secrets.
	fixed bool
}

// Store writes the accounts into t, with the time t0 and the reason why:
// group, and passwd on Linux with shadow where it has one; on NetBSD
// master.passwd and what pwd_mkdb(8) makes of it, passwd, pwd.db and spwd.db.
// Files that would not change stay as they are. Those that it replaces keep
// their owner.
func (db *DB) Store(t *tree.Tree, t0 time.Time, why string) error {
	files, err := db.files()
	if err != nil {
		return fmt.Errorf("store accounts: %w", err)
	}
	for _, f := range files {
		if err := f.store(t, t0, why); err != nil {
			return fmt.Errorf("store accounts: %w", err)
		}
	}
	return nil
}

func (db *DB) files() ([]file, error) {
	files := []file{{path: groupFile, b: db.groups.bytes(), mode: 0o644}}
	switch db.OS {
	case NetBSD:
		master := db.users.bytes()
		passwd, insecure, secure, err := Databases(master)
		if err != nil {
			return nil, err
		}
		return append(files,
			file{path: masterFile, b: master, mode: 0o600, fixed: true},
			file{path: passwdFile, b: passwd, mode: 0o644},
			file{path: dbFile, b: insecure, mode: 0o644, fixed: true},
			file{path: secureFile, b: secure, mode: 0o600, fixed: true}), nil
	case Linux:
		files = append(files, file{path: passwdFile, b: db.users.bytes(), mode: 0o644})
		if db.shadow.lines == nil {
			return files, nil
		}
		shadow := file{path: shadowFile, b: db.shadow.bytes(), mode: 0o600}
		if gid, err := db.LookupGroup("shadow"); err == nil {
			shadow.mode, shadow.gid = 0o640, gid
		}
		return append(files, shadow), nil
	}
	return nil, errors.New("nothing says which system they are of")
}

// store puts f into t.
func (f file) store(t *tree.Tree, t0 time.Time, why string) error {
	p, err := t.Resolve(f.path)
	if err != nil {
		return err
	}
	e := tree.NewFile(p, f.mode, f.b, t0, why)
	e.GID = f.gid
	if old, ok := t.Get(p); ok && old.Type == tree.File {
		e.UID, e.GID = old.UID, old.GID
		if !f.fixed {
			e.Mode = old.Mode
		}
		if old.Digest == e.Digest && old.Mode == e.Mode {
			return nil
		}
	}
	return t.Put(e)
}
