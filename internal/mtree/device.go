package mtree

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A field is where a device number's part stands in the whole.
type field struct {
	name  string
	width uint // bits
	pack  func(n uint32) uint32
}

func shifted(name string, width, by uint) field {
	return field{name, width, func(n uint32) uint32 { return n << by }}
}

// fields of the systems' device numbers (mknod(8), pack_dev.c).
var (
	bits8x8 = []field{shifted("major", 8, 8), shifted("minor", 8, 0)}
	// NetBSD widened both numbers around the 8 bits of each that were there.
	bitsNetBSD = []field{
		{"major", 12, func(n uint32) uint32 { return n << 8 }},
		{"minor", 20, func(n uint32) uint32 { return n&0xff | n&0xfff00<<12 }},
	}
	// FreeBSD's minor leaves out the 8 bits of the major.
	bitsFreeBSD = []field{shifted("major", 8, 8), {"minor", 32, func(n uint32) uint32 { return n }}}
	bits12x20   = []field{shifted("major", 12, 20), shifted("minor", 20, 0)}
	bits14x18   = []field{shifted("major", 14, 18), shifted("minor", 18, 0)}
	bits8x24    = []field{shifted("major", 8, 24), shifted("minor", 24, 0)}
	bits12x12x8 = []field{shifted("major", 12, 20), shifted("unit", 12, 8), shifted("subunit", 8, 0)}
)

// deviceFormats are the systems whose numbers a specification may give. A
// native number is NetBSD's: the file system is for it, whatever the host is.
var deviceFormats = map[string][]field{
	"386bsd": bits8x8, "4bsd": bits8x8, "bsdos": bits12x20, "freebsd": bitsFreeBSD, "hpux": bits8x24, "isc": bits8x8,
	"linux": bits8x8, "native": bitsNetBSD, "netbsd": bitsNetBSD, "osf1": bits12x20, "sco": bits8x8,
	"solaris": bits14x18, "sunos": bits8x8, "svr3": bits8x8, "svr4": bits14x18, "ultrix": bits8x8,
}

// freeBSDMajor are the bits that a FreeBSD minor number can't have.
const freeBSDMajor = 0xff00

// parseDevice reads a device: "format,major,minor", for bsdos also
// "format,major,unit,subunit", or the whole number as it is stored. It
// returns the numbers that NetBSD takes the stored one apart to.
func parseDevice(s string) (major, minor uint32, err error) {
	format, rest, ok := strings.Cut(s, ",")
	if !ok {
		n, err := strconv.ParseUint(s, 0, 32)
		if err != nil {
			return 0, 0, fmt.Errorf("device %q: want FORMAT,MAJOR,MINOR, such as netbsd,2,2", s)
		}
		major, minor = unpackNetBSD(uint32(n))
		return major, minor, nil
	}
	fields, ok := deviceFormats[format]
	if !ok {
		var known []string
		for name := range deviceFormats {
			known = append(known, name)
		}
		slices.Sort(known)
		return 0, 0, fmt.Errorf("device %q: unknown format %q%s: it is one of %s", s, format, didYouMean(format, known), strings.Join(known, ", "))
	}
	numbers := strings.Split(rest, ",")
	if format == "bsdos" && len(numbers) == 3 {
		fields = bits12x12x8
	}
	if len(numbers) != len(fields) {
		return 0, 0, fmt.Errorf("device %q: want %d numbers after the format", s, len(fields))
	}
	whole, err := packDevice(fields, numbers)
	if err != nil {
		return 0, 0, fmt.Errorf("device %q: %w", s, err)
	}
	major, minor = unpackNetBSD(whole)
	return major, minor, nil
}

func packDevice(fields []field, numbers []string) (uint32, error) {
	var whole uint32
	for i, f := range fields {
		n, err := strconv.ParseUint(numbers[i], 0, 32)
		if err != nil {
			return 0, fmt.Errorf("%s number %q is no number", f.name, numbers[i])
		}
		if n >= 1<<f.width || f.width == 32 && n&freeBSDMajor != 0 {
			return 0, fmt.Errorf("%s number %d is too large for the format", f.name, n)
		}
		whole |= f.pack(uint32(n))
	}
	return whole, nil
}

// unpackNetBSD takes a stored number apart (major and minor of sys/types.h).
func unpackNetBSD(n uint32) (major, minor uint32) {
	return n >> 8 & 0xfff, n&0xff | n>>12&0xfff00
}
