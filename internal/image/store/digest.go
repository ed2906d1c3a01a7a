package store

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// digestPrefix begins all digests here.
const digestPrefix = "sha256:"

// digestOf returns the digest of b.
func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return digestPrefix + hex.EncodeToString(sum[:])
}

// hexOf returns a digest without the name of its algorithm.
func hexOf(digest string) string { return strings.TrimPrefix(digest, digestPrefix) }

// isDigest reports whether s is a SHA-256 digest: only such become names of
// files.
func isDigest(s string) bool {
	h, ok := strings.CutPrefix(s, digestPrefix)
	return ok && len(h) == 2*sha256.Size && isHex(h)
}

func isHex(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdef") == ""
}

// short is the part of a digest that people are shown.
func short(digest string) string { return hexOf(digest)[:min(12, len(hexOf(digest)))] }
