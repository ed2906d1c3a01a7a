package agent

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/klauspost/compress/zstd"
)

// dist holds what Generate made before this program was built: for each
// target <target>.zst, and the hash of the source they were built from. In a
// fresh clone it holds nothing.
//
//go:embed all:dist
var dist embed.FS

const hashFile = "source"

// maxProgram bounds what a file of dist may grow to, in bytes.
const maxProgram = 16 << 20

// embedded returns the program in folder. Where there is none, or one of
// another source, the error is fs.ErrNotExist.
func embedded(folder fs.FS, t Target, hash string) ([]byte, error) {
	built, err := fs.ReadFile(folder, "dist/"+hashFile)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(string(built)) != hash {
		return nil, fs.ErrNotExist
	}
	packed, err := fs.ReadFile(folder, "dist/"+t.String()+".zst")
	if err != nil {
		return nil, err
	}
	program, err := unpack(packed)
	if err != nil {
		return nil, fmt.Errorf("unpack the embedded agent for %s: %w", t, err)
	}
	return program, nil
}

// Generate builds the programs of all targets into folder, for embedding.
func Generate(ctx context.Context, folder string) error {
	var hash string
	for _, t := range Targets() {
		program, built, err := Build(ctx, t)
		if err != nil {
			return err
		}
		packed, err := pack(program)
		if err != nil {
			return fmt.Errorf("pack the %s agent: %w", t, err)
		}
		if err := atomicfile.WriteFile(filepath.Join(folder, t.String()+".zst"), packed, 0o644); err != nil {
			return err
		}
		hash = cmp.Or(hash, built)
	}
	return atomicfile.WriteFile(filepath.Join(folder, hashFile), []byte(hash+"\n"), 0o644)
}

func pack(program []byte) ([]byte, error) {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		return nil, err
	}
	return e.EncodeAll(program, nil), e.Close()
}

// unpack checks the content's checksum as it goes.
func unpack(packed []byte) ([]byte, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxProgram))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.DecodeAll(packed, nil)
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
