package mtree

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/internal/spelling"
)

// keywords are those that this package knows what to do with. The rest of
// what mtree(8) of NetBSD, FreeBSD and libarchive know is in checks.
var keywords = map[string]Keys{
	"type": Type, "mode": Mode, "uid": UID, "uname": UName, "gid": GID, "gname": GName, "size": Size, "time": Time,
	"link": Link, "device": Device, "flags": Flags, "contents": Contents, "content": Contents, "optional": Optional,
}

// checks are keywords for checks of what is there, which nothing is made of.
// True: it has a value.
var checks = map[string]bool{
	"cksum": true, "md5": true, "md5digest": true, "nlink": true, "ripemd160digest": true, "rmd160": true,
	"rmd160digest": true, "sha1": true, "sha1digest": true, "sha256": true, "sha256digest": true, "sha384": true,
	"sha384digest": true, "sha512": true, "sha512digest": true, "tags": true, "inode": true, "resdevice": true,
	"ignore": false, "nochange": false,
}

// keyword looks a keyword up: its bit, 0 for a check, and if it has a value.
func keyword(name string) (key Keys, hasValue bool, err error) {
	if key, ok := keywords[name]; ok {
		return key, key != Optional, nil
	}
	if hasValue, ok := checks[name]; ok {
		return 0, hasValue, nil
	}
	return 0, false, fmt.Errorf("unknown keyword %q%s", name, didYouMean(name, keywordNames()))
}

func keywordNames() []string {
	var names []string
	for name := range keywords {
		names = append(names, name)
	}
	for name := range checks {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// didYouMean asks for the name that was meant, if there is one.
func didYouMean(word string, known []string) string {
	if near := spelling.Nearest(word, known); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	return ""
}

// set applies the keywords in words to e.
func (p *parser) set(e *Entry, words []string) error {
	for len(words) > 0 {
		name, value, _ := strings.Cut(words[0], "=")
		words = words[1:]
		key, hasValue, err := keyword(name)
		if err != nil {
			return err
		}
		if hasValue && value == "" { // a blank may stand around the value
			if len(words) == 0 {
				return fmt.Errorf("keyword %q has no value: write %s=VALUE", name, name)
			}
			value, words = words[0], words[1:]
		}
		if err := p.value(e, key, value); err != nil {
			return err
		}
		e.Given |= key
	}
	return nil
}

// value sets the field of e that belongs to the keyword.
func (p *parser) value(e *Entry, key Keys, value string) (err error) {
	switch key {
	case Type:
		e.Type, err = parseType(value)
	case Mode:
		e.Mode, err = parseMode(value)
	case UID:
		e.UID, err = parseID("uid", value)
	case GID:
		e.GID, err = parseID("gid", value)
	case UName:
		e.UID, err = lookUp(p.ids.User, "user", "uid", value)
	case GName:
		e.GID, err = lookUp(p.ids.Group, "group", "gid", value)
	case Size:
		e.Size, err = strconv.ParseInt(value, 10, 64)
		if err != nil || e.Size < 0 {
			err = fmt.Errorf("size %q: want a number of bytes", value)
		}
	case Time:
		e.Time, err = parseTime(value)
	case Link:
		e.Link, err = unvis(value)
	case Device:
		e.Major, e.Minor, err = parseDevice(value)
	case Flags:
		e.Flags, err = parseFlags(value)
	case Contents:
		e.Contents, err = unvis(value)
	}
	return err
}

// unset takes what the words name off what later lines begin with.
func (p *parser) unset(words []string) error {
	for _, name := range words {
		if name == "all" {
			p.defaults = Entry{}
			continue
		}
		key, _, err := keyword(name)
		if err != nil {
			return err
		}
		p.defaults.Given &^= key
	}
	return nil
}

func parseID(keyword, s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%s %q: want a number up to %d", keyword, s, uint32(math.MaxUint32))
	}
	return uint32(n), nil
}

func lookUp(find func(string) (uint32, error), what, number, name string) (uint32, error) {
	err := errors.New("not known here")
	if find != nil {
		var id uint32
		if id, err = find(name); err == nil {
			return id, nil
		}
	}
	return 0, fmt.Errorf("%s %q: %w: give its number with %s=", what, name, err, number)
}

// parseTime reads seconds since 1970, and nanoseconds after a point. These
// are a number of their own: 5.5 is five seconds and five nanoseconds.
func parseTime(s string) (time.Time, error) {
	seconds, nanos, found := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(seconds, 10, 64)
	var nsec uint64
	if err == nil && found {
		nsec, err = strconv.ParseUint(nanos, 10, 32)
	}
	if err != nil || nsec > 999_999_999 {
		return time.Time{}, fmt.Errorf("time %q: want SECONDS.NANOSECONDS since 1970, such as 1700000000.000000000", s)
	}
	return time.Unix(sec, int64(nsec)).UTC(), nil
}

// Flags of chflags(2), from NetBSD's sys/stat.h.
const (
	ufNoDump    = 0x00000001
	ufImmutable = 0x00000002
	ufAppend    = 0x00000004
	ufOpaque    = 0x00000008
	sfArchived  = 0x00010000
	sfImmutable = 0x00020000
	sfAppend    = 0x00040000
)

// flagNames are the names that chflags(1) takes. A "no" before one takes the
// flag away; nodump is a flag's own name, and dump takes it away.
var flagNames = map[string]uint32{
	"nodump": ufNoDump, "opaque": ufOpaque,
	"uappnd": ufAppend, "uappend": ufAppend,
	"uchg": ufImmutable, "uchange": ufImmutable, "uimmutable": ufImmutable,
	"arch": sfArchived, "archived": sfArchived,
	"sappnd": sfAppend, "sappend": sfAppend,
	"schg": sfImmutable, "schange": sfImmutable, "simmutable": sfImmutable,
}

func parseFlags(s string) (uint32, error) {
	var flags uint32
	for name := range strings.SplitSeq(s, ",") {
		if name == "none" || name == "" {
			continue
		}
		if bit, ok := flagNames[name]; ok {
			flags |= bit
			continue
		}
		plain := strings.TrimPrefix(name, "no")
		if name == "dump" {
			plain = "nodump"
		}
		bit, ok := flagNames[plain]
		if !ok {
			return 0, fmt.Errorf("unknown flag %q%s", name, didYouMean(name, sortedFlagNames()))
		}
		flags &^= bit
	}
	return flags, nil
}

func sortedFlagNames() []string {
	var names []string
	for name := range flagNames {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
