package agent

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// sources is what the guest's program is built from.
//
//go:embed wire/*.go guest/*.go
var sources embed.FS

// modulePath and sourceFolder put the sources where their import paths say,
// in a module of their own.
const (
	modulePath   = "github.com/fakecracker/fakecracker"
	sourceFolder = "internal/agent"
)

// goMod is the go.mod of that module: the standard library only.
const goMod = "module " + modulePath + "\n\ngo 1.26.0\n"

// mainSource is its cmd/agent/main.go.
const mainSource = `package main

import "` + modulePath + `/internal/agent/guest"

func main() { guest.Main() }
`

// sourceFiles returns the files of that module by path, without the tests.
func sourceFiles() (map[string][]byte, error) {
	files := map[string][]byte{
		"go.mod":            []byte(goMod),
		"cmd/agent/main.go": []byte(mainSource),
	}
	err := fs.WalkDir(sources, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, "_test.go") {
			return err
		}
		data, err := sources.ReadFile(name)
		files[path.Join(sourceFolder, name)] = data
		return err
	})
	return files, err
}

// sourceHash is the SHA-256, in hexadecimal, of all paths and contents. A
// guest names it in its hello.
func sourceHash(files map[string][]byte) string {
	h := sha256.New()
	for _, name := range sortedKeys(files) {
		fmt.Fprintf(h, "%s %d\n", name, len(files[name]))
		h.Write(files[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// writeSource writes the module into dir.
func writeSource(dir string, files map[string][]byte) error {
	for name, data := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(p, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
