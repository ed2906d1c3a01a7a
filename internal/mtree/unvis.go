package mtree

import (
	"fmt"
	"strings"
)

// simpleEscapes are the characters after a backslash that stand for one other.
var simpleEscapes = map[byte]byte{
	'\\': '\\', 'n': '\n', 'r': '\r', 'b': '\b', 'a': '\a', 'v': '\v', 't': '\t', 'f': '\f', 's': ' ', 'E': 0x1b,
}

// unvis decodes what vis(3) encoded, as unvis(3) does.
func unvis(s string) (string, error) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			i++
			continue
		}
		c, n, err := unescape(s[i+1:])
		if err != nil {
			return "", fmt.Errorf("%q: %w: a backslash that means itself is written twice", s, err)
		}
		if c >= 0 {
			b.WriteByte(byte(c))
		}
		i += 1 + n
	}
	return b.String(), nil
}

// unescape decodes what follows a backslash: the byte, or -1 where it stands
// for none, and how many characters it took.
func unescape(s string) (c, n int, err error) {
	if s == "" {
		return 0, 0, fmt.Errorf("the last backslash has nothing after it")
	}
	if to, ok := simpleEscapes[s[0]]; ok {
		return int(to), 1, nil
	}
	switch c := s[0]; {
	case c >= '0' && c <= '7':
		v, n := digits(s, 3, 8)
		return v & 0xff, n, nil
	case c == 'x':
		if v, n := digits(s[1:], 2, 16); n > 0 {
			return v, 1 + n, nil
		}
	case c == '^' && len(s) > 1:
		return control(s[1]), 2, nil
	case c == 'M' && len(s) > 2 && s[1] == '-':
		return 0x80 | int(s[2]), 3, nil
	case c == 'M' && len(s) > 2 && s[1] == '^':
		return 0x80 | control(s[2]), 3, nil
	case c == '$':
		return -1, 1, nil
	case c > ' ' && c < 0x7f && c != 'M' && c != '^':
		return int(c), 1, nil
	}
	return 0, 0, fmt.Errorf("unknown escape %q", `\`+s[:1])
}

// digits reads up to most digits.
func digits(s string, most, base int) (v, n int) {
	for n < most && n < len(s) {
		d := strings.IndexByte("0123456789abcdef", s[n]|0x20)
		if s[n] < '0' || s[n] > '9' && base == 8 || d < 0 || d >= base {
			break
		}
		v, n = v*base+d, n+1
	}
	return v, n
}

// control is the control character that is written with c: ^A is 1.
func control(c byte) int {
	if c == '?' {
		return 0x7f
	}
	return int(c & 0x1f)
}
