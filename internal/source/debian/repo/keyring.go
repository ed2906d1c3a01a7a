package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

const maxKeyring = 16 << 20 // bytes of a file of keys

// usualKeyrings are where a host has the keys of Debian's archive: each row is
// used where there is any of it, and none after it.
var usualKeyrings = [][]string{
	{"/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"},
	{"/etc/apt/trusted.gpg.d/*.gpg", "/etc/apt/trusted.gpg.d/*.asc"},
}

// A keyring is the keys that are trusted, and the files that they are from.
type keyring struct {
	keys openpgp.EntityList
	from string // for messages
}

// keyring reads the keys that the Source trusts.
func (s *Source) keyring() (keyring, error) {
	if s.Keyring != "" {
		keys, err := readKeys(s.Keyring)
		if err != nil {
			return keyring{}, fmt.Errorf("read the keys of the Debian archive: %w", err)
		}
		return keyring{keys, s.Keyring}, nil
	}
	return hostKeyring(usualKeyrings)
}

func hostKeyring(rows [][]string) (keyring, error) {
	for _, row := range rows {
		var k keyring
		var from []string
		for _, p := range matches(row) {
			keys, err := readKeys(p)
			if err != nil {
				return keyring{}, fmt.Errorf("read the keys of the Debian archive: %w (--debian-keyring FILE names others)", err)
			}
			k.keys, from = append(k.keys, keys...), append(from, p)
		}
		if len(k.keys) > 0 {
			k.from = from[0]
			if len(from) > 1 {
				k.from = filepath.Dir(from[0])
			}
			return k, nil
		}
	}
	return keyring{}, errors.New("this host has no keys of the Debian archive to check its signature with: " +
		"name a file of them with --debian-keyring FILE (Debian's package debian-archive-keyring has it)")
}

// matches returns the files that the patterns stand for.
func matches(patterns []string) []string {
	var all []string
	for _, p := range patterns {
		found, err := filepath.Glob(p)
		if err != nil {
			continue // the patterns are ours
		}
		all = append(all, found...)
	}
	return all
}

// readKeys reads the keys in a file, armored or not. Those that can't be used
// are left out.
func readKeys(file string) (_ openpgp.EntityList, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = closed(f, err) }()
	b, err := io.ReadAll(io.LimitReader(f, maxKeyring))
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(b)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: file, Err: err}
	}
	return keys, nil
}

func parseKeys(b []byte) (openpgp.EntityList, error) {
	if !bytes.Contains(b, []byte("-----BEGIN PGP")) {
		keys, err := openpgp.ReadKeyRing(bytes.NewReader(b))
		if err == nil && len(keys) == 0 {
			err = errors.New("there is no OpenPGP key in it")
		}
		return keys, err
	}
	var all openpgp.EntityList
	for rest := string(b); ; {
		start := strings.Index(rest, "-----BEGIN PGP")
		if start < 0 {
			break
		}
		rest = rest[start:]
		block, err := armor.Decode(strings.NewReader(rest))
		if err != nil {
			return nil, fmt.Errorf("its armor is damaged: %w", err)
		}
		keys, err := openpgp.ReadKeyRing(block.Body)
		if err != nil {
			return nil, err
		}
		all = append(all, keys...)
		rest = rest[1:]
	}
	if len(all) == 0 {
		return nil, errors.New("there is no OpenPGP key in it")
	}
	return all, nil
}

// closed closes what was read from, whose error only counts where there is no
// other: what is damaged fails twice.
func closed(c io.Closer, err error) error {
	if cerr := c.Close(); err == nil {
		return cerr
	}
	return err
}
