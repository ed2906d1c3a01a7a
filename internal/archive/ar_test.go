package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// arMember writes a member whose header says that it has size bytes.
func arMember(name string, size int, body string) string {
	return fmt.Sprintf("%-16s%-12d%-6d%-6d%-8o%-10d`\n%s", name, 0, 0, 0, 0o100644, size, body)
}

// readAr returns names and contents of an archive's members.
func readAr(b string) (all []string, err error) {
	r, err := NewArReader(strings.NewReader(b))
	if err != nil {
		return nil, err
	}
	for {
		name, size, err := r.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		body, err := io.ReadAll(r)
		if err == nil && int64(len(body)) != size {
			err = fmt.Errorf("%s has %d bytes, not %d", name, len(body), size)
		}
		if err != nil {
			return all, err
		}
		all = append(all, name+"="+string(body))
	}
}

func TestArReader(t *testing.T) {
	got, err := readAr(ArMagic +
		arMember("even", 4, "abcd") +
		arMember("odd/", 3, "abc\n") + // GNU's ar ends names with a slash
		arMember("#1/20", 22, "a-name-of-18-bytes\x00\x00xy") +
		arMember("none", 0, "") +
		arMember("last", 1, "z")) // without the byte that fills it up
	want := []string{"even=abcd", "odd=abc", "a-name-of-18-bytes=xy", "none=", "last=z"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

// TestArReaderSkips goes on after members that are not read, or in part.
func TestArReaderSkips(t *testing.T) {
	r, err := NewArReader(strings.NewReader(ArMagic + arMember("a", 3, "abc\n") + arMember("b", 5, "abcde\n") + arMember("c", 1, "z\n")))
	if err != nil {
		t.Fatal(err)
	}
	var names string
	for range 3 {
		name, _, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		names += name
		if _, err := io.CopyN(io.Discard, r, 1); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := r.Next(); names != "abc" || err != io.EOF {
		t.Errorf("members %q, then %v", names, err)
	}
}

func TestArReaderErrors(t *testing.T) {
	for name, b := range map[string]string{
		"empty":             "",
		"text":              "hello, this is text",
		"header cut off":    ArMagic + "name",
		"body cut off":      ArMagic + arMember("a", 10, "abc"),
		"no end of header":  ArMagic + strings.ReplaceAll(arMember("a", 1, "x\n"), "`", "'"),
		"negative size":     ArMagic + arMember("a", -1, ""),
		"a name too long":   ArMagic + arMember("#1/9", 4, "abcd"),
		"a name of nothing": ArMagic + arMember("#1/x", 4, "abcd"),
		"a name cut off":    ArMagic + arMember("#1/4", 4, "ab"),
	} {
		t.Run(name, func(t *testing.T) {
			if all, err := readAr(b); err == nil {
				t.Errorf("read as %q", all)
			}
		})
	}
	if _, err := readAr(ArMagic + arMember("a", 10, "abc")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a body that is cut off: %v", err)
	}
}

func FuzzArReader(f *testing.F) {
	f.Add([]byte(ArMagic + arMember("a", 3, "abc\n") + arMember("#1/4", 6, "nameab")))
	f.Add([]byte(ArMagic + arMember("a", 1<<30, "abc\n")))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewArReader(bytes.NewReader(b))
		if err != nil {
			return
		}
		var read int64
		for {
			_, size, err := r.Next()
			if err != nil {
				break
			}
			n, err := io.Copy(io.Discard, r)
			if err == nil && n != size {
				t.Fatalf("%d bytes of a member of %d", n, size)
			}
			read += n
		}
		if read > int64(len(b)) {
			t.Errorf("%d bytes out of %d", read, len(b))
		}
	})
}
