package pkgsrc

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/fakecracker/fakecracker/internal/source"
)

// A package is known to be the one that was built by one of: its digest in the
// summary or in the list beside it, its digest in a lock, or a signature by a
// key of the keyring. NetBSD's own servers publish a list; a repository that
// somebody made of some packages often has nothing of the kind.

// errUnverified is wrapped where a package can't be told from any other.
var errUnverified = errors.New("no digest of it is published")

// wanted is the digest that the package's file must have, empty where nobody
// says: that of the repository before that of a lock, which is compared with
// what came in any case.
func (s *Source) wanted(e *entry) string { return cmp.Or(e.Sum, s.Locked[e.file()]) }

// permit fails where e would come from whoever answers: by plain HTTP, with
// nothing to tell it by.
func (s *Source) permit(e *entry) error {
	if s.wanted(e) != "" || s.Keyring != "" || s.AllowUnverified || !strings.HasPrefix(strings.ToLower(s.Mirror), "http:") {
		return nil
	}
	return fmt.Errorf("get %s: %w at %s, and by plain http anybody on the way can change it: use an https address, or --allow-unverified", e.name(), errUnverified, s.Mirror)
}

// verify compares an unpacked package with the lock and the keyring.
func (s *Source) verify(e *entry, u *unpacked) error {
	if locked := s.Locked[e.file()]; strings.HasPrefix(locked, "sha256:") && locked != u.Digest {
		return fmt.Errorf("get %s: %w: its digest is %s, locked is %s: a mirror that has the old one is named by --pkgsrc, and --lock writes what is there now", e.name(), errNotAsListed, u.Digest, locked)
	}
	if s.Keyring == "" {
		return nil
	}
	if err := s.checkSignature(u.Signature); err != nil {
		return fmt.Errorf("get %s: %w", e.name(), err)
	}
	return nil
}

// checkSignature looks whether one of the keyring's keys made it.
func (s *Source) checkSignature(sig *signature) error {
	switch {
	case sig == nil || sig.Kind == "":
		return fmt.Errorf("it is not signed, and only packages signed by a key of %s are wanted", s.Keyring)
	case sig.Kind != gpgName:
		return fmt.Errorf("its signature is %s, which a keyring can't verify: only %s is", sig.Kind, gpgName)
	}
	keys, err := source.Keys(s.Keyring)
	if err != nil {
		return fmt.Errorf("read the keys that packages are signed with: %w", err)
	}
	check := openpgp.CheckDetachedSignature
	if isArmored(sig.Sig) {
		check = openpgp.CheckArmoredDetachedSignature
	}
	if _, err := check(keys, bytes.NewReader(sig.Hash), bytes.NewReader(sig.Sig), nil); err != nil {
		return fmt.Errorf("its signature is not by a key of %s: %w", s.Keyring, err)
	}
	return nil
}

// isArmored reports whether OpenPGP's data is in letters (RFC 9580, 6.2).
func isArmored(b []byte) bool { return bytes.Contains(b, []byte("-----BEGIN PGP ")) }
