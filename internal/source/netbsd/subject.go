package netbsd

import (
	"crypto/sha1"
	"encoding/asn1"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
)

// A certificate is what is needed of an X.509 certificate (RFC 5280, 4.1).
// crypto/x509 refuses some old roots that OpenSSL takes.
type certificate struct {
	TBS struct {
		Version   int `asn1:"optional,explicit,default:0,tag:0"`
		Serial    asn1.RawValue
		Algorithm asn1.RawValue
		Issuer    asn1.RawValue
		Validity  asn1.RawValue
		Subject   []attributeSET
	}
}

// An attributeSET is a relative distinguished name. The end of its name makes
// it a SET to encoding/asn1.
type attributeSET []attribute

type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

// subjectHash returns the name by which OpenSSL looks for a certificate, as
// "openssl x509 -subject_hash" prints it, and the certificate's own bytes. The
// PEM file has to have one certificate, as openssl_rehash(1) wants it.
func subjectHash(file []byte) (hash string, der []byte, err error) {
	for {
		var b *pem.Block
		if b, file = pem.Decode(file); b == nil {
			break
		}
		switch {
		case !strings.HasSuffix(b.Type, "CERTIFICATE"):
		case der != nil:
			return "", nil, errors.New("it has several certificates")
		default:
			der = b.Bytes
		}
	}
	if der == nil {
		return "", nil, errors.New("there is no certificate in it")
	}
	var c certificate
	if _, err := asn1.Unmarshal(der, &c); err != nil {
		return "", nil, fmt.Errorf("its certificate: %w", err)
	}
	var name []byte
	for _, set := range c.TBS.Subject {
		b, err := canonical(set)
		if err != nil {
			return "", nil, fmt.Errorf("the subject of its certificate: %w", err)
		}
		name = append(name, b...)
	}
	sum := sha1.Sum(name)
	return fmt.Sprintf("%08x", binary.LittleEndian.Uint32(sum[:])), der, nil
}

// canonical encodes a part of a name as OpenSSL compares it: its texts in
// UTF-8 and lower case, without spaces around them, and with single ones
// within.
func canonical(set attributeSET) ([]byte, error) {
	same := make(attributeSET, len(set))
	for i, a := range set {
		same[i] = a
		text, ok := textOf(a.Value)
		if !ok {
			continue
		}
		words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\n\v\f\r", r) })
		text = strings.Map(func(r rune) rune {
			if 'A' <= r && r <= 'Z' {
				return r + 'a' - 'A'
			}
			return r
		}, strings.Join(words, " "))
		same[i].Value = asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagUTF8String, Bytes: []byte(text)}
	}
	return asn1.Marshal(same)
}

// Tags of strings that encoding/asn1 has no names for.
const (
	tagVisible   = 26
	tagUniversal = 28 // UCS-4
)

// textOf returns a string's text. ok is false for what is none, or not sound.
func textOf(v asn1.RawValue) (text string, ok bool) {
	var units []uint16
	var runes []rune
	b := v.Bytes
	switch v.Tag {
	case asn1.TagUTF8String:
		return string(b), v.Class == asn1.ClassUniversal
	case asn1.TagPrintableString, asn1.TagIA5String, tagVisible, asn1.TagT61String:
		for _, c := range b { // OpenSSL takes T.61 for Latin-1
			runes = append(runes, rune(c))
		}
	case asn1.TagBMPString:
		for ; len(b) >= 2; b = b[2:] {
			units = append(units, binary.BigEndian.Uint16(b))
		}
		runes = utf16.Decode(units)
	case tagUniversal:
		for ; len(b) >= 4; b = b[4:] {
			runes = append(runes, rune(binary.BigEndian.Uint32(b)))
		}
	default:
		return "", false
	}
	return string(runes), v.Class == asn1.ClassUniversal
}
