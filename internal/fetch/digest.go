package fetch

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"strings"
)

// A checksum is the digest that a file should have.
type checksum struct {
	name string // "sha256" or "sha512"
	hex  string // lower-case
}

// parseDigest reads "sha256:" or "sha512:" and hex.
func parseDigest(s string) (checksum, error) {
	name, digest, _ := strings.Cut(s, ":")
	if c, ok := checksumOf(digest); ok && c.name == name && c.hex == digest {
		return c, nil
	}
	return checksum{}, fmt.Errorf("%.80q is no digest: sha256: or sha512: and lower-case hex is", s)
}

// checksumOf tells by its length what digest a hex number is.
func checksumOf(s string) (checksum, bool) {
	s = strings.ToLower(s)
	if _, err := hex.DecodeString(s); err != nil {
		return checksum{}, false
	}
	switch len(s) {
	case 2 * sha256.Size:
		return checksum{"sha256", s}, true
	case 2 * sha512.Size:
		return checksum{"sha512", s}, true
	}
	return checksum{}, false
}

func (c checksum) String() string { return c.name + ":" + c.hex }

// fileName is the digest as a file's name.
func (c checksum) fileName() string { return c.name + "-" + c.hex }

// of returns the checksum of that name of all that r has.
func (c checksum) of(r io.Reader) (checksum, error) {
	var h hash.Hash = sha256.New()
	if c.name == "sha512" {
		h = sha512.New()
	}
	_, err := io.Copy(h, r)
	return checksum{c.name, hex.EncodeToString(h.Sum(nil))}, err
}

// ParseSums reads the digests of files from what cksum(1) of the BSDs writes,
// "SHA512 (base.tar.xz) = hex", from what sha256sum(1) and sha512sum(1) do,
// "hex  base.tar.xz", and from a file that has nothing but the digest, whose
// name is "" then. The digests of each clean name are returned as Keep takes
// them; of several, the SHA-512. Lines of other digests are left out, and
// none at all is an error: what was got is no file of digests then.
func ParseSums(b []byte) (map[string]string, error) {
	sums := make(map[string]string)
	for line := range strings.Lines(string(b)) {
		name, c, ok := parseSum(strings.TrimSpace(line))
		if ok && (c.name == "sha512" || sums[name] == "") {
			sums[name] = c.String()
		}
	}
	if len(sums) == 0 {
		return nil, errors.New("there is no SHA256 or SHA512 digest in it")
	}
	return sums, nil
}

func parseSum(line string) (name string, c checksum, ok bool) {
	if head, digest, found := strings.Cut(line, ") = "); found {
		_, name, ok = strings.Cut(head, " (")
		if !ok {
			return "", c, false
		}
		c, ok = checksumOf(strings.TrimSpace(digest))
		return path.Clean(name), c, ok
	}
	digest, name, found := strings.Cut(line, " ")
	c, ok = checksumOf(digest)
	if found {
		// A second blank, or an asterisk for a file read as binary.
		name = path.Clean(strings.TrimPrefix(strings.TrimLeft(name, " "), "*"))
	}
	return name, c, ok
}
