package netbsd_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fakecracker/fakecracker/internal/source/netbsd"
)

// TestFolderState tells a folder from the same one with other sets.
func TestFolderState(t *testing.T) {
	dir := t.TempDir()
	s := &netbsd.Source{Mirrors: []string{"https://example.com/NetBSD", dir}, Release: "10.1", Arch: "amd64"}
	seen := map[string]bool{}
	for _, text := range []string{"", "one", "another"} {
		if text != "" {
			p := filepath.Join(dir, "NetBSD-10.1/amd64/binary/sets")
			if err := os.MkdirAll(p, 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(p, "SHA512"), []byte(text))
		}
		state := s.FolderState()
		if seen[state] || s.FolderState() != state || (state == "") != (text == "") {
			t.Errorf("with %q the state is %q", text, state)
		}
		seen[state] = true
	}
}
