package accounts

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/fakecracker/fakecracker/internal/db185"
)

// What pwd.db and spwd.db are made of (pwd.h). A record is under three keys,
// each a byte that says which and then name, line or user, the latter two as
// 32-bit numbers in the machine's order.
const (
	keyByName = '1'
	keyByLine = '2' // from 1 on
	keyByUID  = '3'

	versionKey = "VERSION\x00"
	dbVersion  = 1 // times have 64 bits; without the record they have 32
	nisKey     = "__YP!"

	maxLine = 2047 // LINE_MAX without the end, bytes
	maxName = 16   // LOGIN_NAME_MAX without the end, bytes
)

// Flags of a record for fields that are empty (_PASSWORD_NOUID and so on).
const (
	noUID = 1 << iota
	noGID
	noChange
	noExpire
)

// record is a line of master.passwd(5).
type record struct {
	name, password     string
	uid, gid           uint32
	class              string
	change, expire     int64 // seconds since 1970; 0: never
	gecos, home, shell string
	flags              uint32
}

// Databases makes of a master.passwd(5) what pwd_mkdb(8) -p does: passwd, and
// the little-endian databases that getpwent(3) reads, pwd.db without the
// passwords and spwd.db with them. Of users with the same name or number the
// first is found by it. As there, a line that is no record is an error.
func Databases(master []byte) (passwd, insecure, secure []byte, err error) {
	var open, closed []db185.Pair
	nis := false
	version := db185.Pair{Key: []byte(versionKey), Data: number(dbVersion)}
	open, closed = append(open, version), append(closed, version)
	line := uint32(0)
	for l := range strings.Lines(string(master)) {
		line++
		r, err := parseRecord(strings.TrimSuffix(l, "\n"))
		if err != nil {
			return nil, nil, nil, fmt.Errorf("%s, line %d: %w", masterFile, line, err)
		}
		nis = nis || r.isNIS()
		passwd = fmt.Appendf(passwd, "%s:*:%d:%d:%s:%s:%s\n", r.name, r.uid, r.gid, r.gecos, r.home, r.shell)
		open = append(open, r.pairs("*", line)...)
		closed = append(closed, r.pairs(r.password, line)...)
	}
	if nis {
		open, closed = append(open, nisPair()), append(closed, nisPair())
	}
	if insecure, err = db185.Encode(open, db185.Options{}); err != nil {
		return nil, nil, nil, fmt.Errorf("make %s: %w", dbFile, err)
	}
	if secure, err = db185.Encode(closed, db185.Options{}); err != nil {
		return nil, nil, nil, fmt.Errorf("make %s: %w", secureFile, err)
	}
	return passwd, insecure, secure, nil
}

// isNIS reports whether the record takes in or leaves out users of NIS.
func (r record) isNIS() bool { return r.name != "" && strings.ContainsAny(r.name[:1], "+-") }

// nisPair tells the C library that there are such records.
func nisPair() db185.Pair {
	return db185.Pair{Key: []byte(nisKey)}
}

// parseRecord follows pw_scan in lib/libc/gen.
func parseRecord(l string) (r record, err error) {
	if l == "+" {
		l = "+:::::::::"
	}
	f := strings.Split(l, ":")
	switch {
	case len(l) > maxLine-1:
		return r, fmt.Errorf("%d bytes are more than %d", len(l), maxLine-1)
	case len(f) != masterFields:
		return r, fmt.Errorf("%q has %d fields, not the %d of master.passwd(5)", l, len(f), masterFields)
	case len(f[0]) > maxName:
		return r, fmt.Errorf("the name %s is longer than %d bytes", f[0], maxName)
	case strings.Contains(l, "\x00"):
		return r, fmt.Errorf("%q has a zero byte", l)
	}
	r = record{name: f[0], password: f[1], class: f[4], gecos: f[7], home: f[8], shell: f[9]}
	uid, err1 := r.field(f[2], noUID, 32)
	gid, err2 := r.field(f[3], noGID, 32)
	change, err3 := r.field(f[5], noChange, 64)
	expire, err4 := r.field(f[6], noExpire, 64)
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			return r, fmt.Errorf("user %s: %w", r.name, err)
		}
	}
	if r.name == "root" && uid != 0 {
		return r, fmt.Errorf("the number of root is %d, not 0", uid)
	}
	r.uid, r.gid, r.change, r.expire = uint32(uid), uint32(gid), change, expire
	return r, nil
}

// field reads a number as C does, with 0x for base 16 and 0 for base 8, or
// notes by flag that there is none. One of 32 bits is that of a user or group.
func (r *record) field(s string, flag uint32, bits int) (int64, error) {
	if s == "" {
		r.flags |= flag
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 0, 64)
	if err != nil || strings.ContainsAny(s, "_oO") || strings.HasPrefix(strings.ToLower(s), "0b") { // Go's own ways
		return 0, fmt.Errorf("%q is not a number", s)
	}
	if bits == 32 && (n < 0 || n > maxID) {
		return 0, fmt.Errorf("%s is not a number from 0 to %d", s, maxID)
	}
	return n, nil
}

// pairs returns what is stored of a record, with this password.
func (r record) pairs(password string, line uint32) []db185.Pair {
	data := r.encode(password)
	return []db185.Pair{
		{Key: append([]byte{keyByName}, r.name...), Data: data},
		{Key: append([]byte{keyByLine}, number(line)...), Data: data},
		{Key: append([]byte{keyByUID}, number(r.uid)...), Data: data},
	}
}

// encode returns a record's data: strings with their end, numbers without
// padding.
func (r record) encode(password string) []byte {
	order := binary.LittleEndian
	var b []byte
	text := func(fields ...string) {
		for _, s := range fields {
			b = append(append(b, s...), 0)
		}
	}
	text(r.name, password)
	b = order.AppendUint32(b, r.uid)
	b = order.AppendUint32(b, r.gid)
	b = order.AppendUint64(b, uint64(r.change))
	text(r.class, r.gecos, r.home, r.shell)
	b = order.AppendUint64(b, uint64(r.expire))
	return order.AppendUint32(b, r.flags)
}

func number(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
