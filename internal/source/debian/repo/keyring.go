package repo

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/fakecracker/fakecracker/internal/source"
)

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
		keys, err := source.Keys(s.Keyring)
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
			keys, err := source.Keys(p)
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
