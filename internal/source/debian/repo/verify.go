package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// maxSignatures is how many signatures of one file are looked at.
const maxSignatures = 32

// A signed is a Release file as it was got: InRelease, which has its signature
// in it (RFC 9580, 7), or Release with Release.gpg beside it.
type signed struct {
	Text      []byte `json:"text"`
	Signature []byte `json:"signature,omitempty"` // empty: Text is InRelease
}

// verify returns what was signed by one of the keys, and nothing of the file
// that was not.
func (f signed) verify(k keyring, now time.Time) ([]byte, error) {
	if len(f.Signature) > 0 {
		sig, err := unarmored(f.Signature)
		if err != nil {
			return nil, err
		}
		return f.Text, k.check(f.Text, sig, now)
	}
	block, rest := clearsign.Decode(f.Text)
	if block == nil || !bytes.HasPrefix(f.Text, []byte("-----BEGIN PGP SIGNED MESSAGE-----")) || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("it is not one clear-signed text: %w", ErrSignature)
	}
	return block.Plaintext, k.check(block.Bytes, block.ArmoredSignature.Body, now)
}

// unarmored returns the packets of a detached signature.
func unarmored(b []byte) (io.Reader, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(b), []byte("-----BEGIN PGP")) {
		return bytes.NewReader(b), nil
	}
	block, err := armor.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("the armor of its signature is damaged: %w", err)
	}
	return block.Body, nil
}

// check looks for a good signature of the text. An archive signs with several
// keys, old and new: one that is trusted is enough.
func (k keyring) check(text []byte, signatures io.Reader, now time.Time) error {
	config := &packet.Config{Time: func() time.Time { return now }}
	var unknown []string
	var bad error
	packets := packet.NewReader(signatures)
	for range maxSignatures {
		p, err := packets.Next()
		if err == io.EOF {
			break
		}
		if errors.As(err, new(pgperrors.UnsupportedError)) {
			continue
		}
		if err != nil {
			return fmt.Errorf("its signature is damaged (%w): %w", err, ErrSignature)
		}
		sig, ok := p.(*packet.Signature)
		if !ok || sig.IssuerKeyId == nil {
			continue
		}
		switch err := k.checkOne(text, sig, config); {
		case err == nil:
			return nil
		case errors.Is(err, pgperrors.ErrUnknownIssuer):
			unknown = append(unknown, fmt.Sprintf("%016X", *sig.IssuerKeyId))
		case bad == nil:
			bad = err
		}
	}
	switch {
	case bad != nil:
		return fmt.Errorf("%w: %w (was it changed on its way, or is %s too old?)", ErrSignature, bad, k.from)
	case len(unknown) > 0:
		return fmt.Errorf("%w: it is signed with %s, which is not in %s: name the archive's keys with --debian-keyring FILE",
			ErrSignature, strings.Join(unknown, ", "), k.from)
	}
	return fmt.Errorf("%w: there is no signature that could be read", ErrSignature)
}

func (k keyring) checkOne(text []byte, sig *packet.Signature, config *packet.Config) error {
	var one bytes.Buffer
	if err := sig.Serialize(&one); err != nil {
		return err
	}
	_, err := openpgp.CheckDetachedSignature(k.keys, bytes.NewReader(text), &one, config)
	return err
}
