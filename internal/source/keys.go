package source

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

const maxKeys = 16 << 20 // bytes of a file of keys

// Keys reads the OpenPGP keys (RFC 9580) in a file, armored or not. Those that
// can't be used are left out; a file without any is an error.
func Keys(file string) (_ openpgp.EntityList, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, f.Close()) }()
	b, err := io.ReadAll(io.LimitReader(f, maxKeys))
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
