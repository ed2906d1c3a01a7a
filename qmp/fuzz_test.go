package qmp

import (
	"bufio"
	"bytes"
	"errors"
	"testing"
)

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		hello,
		`{"return": {}, "id": 1}`,
		`{"return": [1, 2], "id": 18446744073709551615}`,
		`{"error": {"class": "CommandNotFound", "desc": "The command x has not been found"}, "id": 2}`,
		`{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}}`,
		`{"timestamp": {"seconds": -1, "microseconds": -1}, "event": "STOP"}`,
		`{"return": null}`, `{"id": "text"}`, `[]`, "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		m, err := decode(line)
		if err != nil {
			return
		}
		if m.Greeting == nil && m.Return == nil && m.Error == nil && m.Event == "" {
			t.Errorf("decode(%q) is nothing", line)
		}
		m.Timestamp.time()
	})
}

func FuzzReadLine(f *testing.F) {
	f.Add([]byte("a\r\nb\n\n\nc"), 5)
	f.Add(bytes.Repeat([]byte("x"), 40), 30)
	f.Fuzz(func(t *testing.T, stream []byte, limit int) {
		r := bufio.NewReaderSize(bytes.NewReader(stream), 16)
		for range len(stream) + 2 {
			line, err := readLine(r, limit)
			if err != nil {
				return
			}
			if len(line) == 0 || len(line) > limit || bytes.ContainsRune(line, '\n') {
				t.Fatalf("readLine = %q with a limit of %d", line, limit)
			}
		}
		t.Error(errors.New("more lines than bytes"))
	})
}
