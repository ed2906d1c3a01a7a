package pkgsrc

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"
)

// newHash returns the hash function that digest(1) calls so, or nil for one
// that we don't have.
func newHash(algorithm string) hash.Hash {
	switch algorithm {
	case "md5":
		return md5.New()
	case "sha1":
		return sha1.New()
	case "sha256":
		return sha256.New()
	case "sha384":
		return sha512.New384()
	case "sha512":
		return sha512.New()
	}
	return nil
}

// A summer takes the SHA-256 digest of what goes through it, and checks it
// against another digest.
type summer struct {
	sha256 hash.Hash
	other  hash.Hash // nil where nothing, or SHA-256, is wanted
	want   string    // "sha512:…"; may be empty
	n      int64
}

func newSummer(want string) *summer {
	s := &summer{sha256: sha256.New(), want: want}
	if algorithm, _, _ := strings.Cut(want, ":"); algorithm != "sha256" {
		s.other = newHash(algorithm)
	}
	return s
}

func (s *summer) Write(b []byte) (int, error) {
	s.n += int64(len(b))
	_, _ = s.sha256.Write(b) // a hash.Hash never fails
	if s.other != nil {
		_, _ = s.other.Write(b)
	}
	return len(b), nil
}

// digest returns "sha256:" and hex. It fails where the bytes are not those
// that are wanted.
func (s *summer) digest() (string, error) {
	got := "sha256:" + hex.EncodeToString(s.sha256.Sum(nil))
	compare := got
	if s.other != nil {
		algorithm, _, _ := strings.Cut(s.want, ":")
		compare = algorithm + ":" + hex.EncodeToString(s.other.Sum(nil))
	}
	if s.want != "" && compare != s.want {
		return got, fmt.Errorf("its digest is %s, the repository says %s", compare, s.want)
	}
	return got, nil
}

var _ io.Writer = (*summer)(nil)
