package netbsd

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func FuzzSubjectHash(f *testing.F) {
	found, err := filepath.Glob("testdata/certs/*.pem")
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range found {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		block, _ := pem.Decode(b)
		f.Add(block.Bytes)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		hash, _, err := subjectHash(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		if (err == nil) != (len(hash) == 8 && strings.Trim(hash, "0123456789abcdef") == "") {
			t.Errorf("%q, %v", hash, err)
		}
	})
}
