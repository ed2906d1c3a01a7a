package ship

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// readIgnore returns the patterns of the .dockerignore that goes with a
// definition: the one with the definition's name before it, else that of the
// build context.
func readIgnore(definition, context string, read *record) ([]string, error) {
	for _, path := range []string{definition + ".dockerignore", filepath.Join(context, ".dockerignore")} {
		src, err := readHead(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && !isBelow(path, filepath.Dir(definition), context) {
			err = errOutsideContext
		}
		if err == nil && len(src) > maxFile {
			err = fmt.Errorf("over %d KiB", maxFile>>10)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		read.add(path, src)
		patterns, err := ignorefile.ReadAll(bytes.NewReader(src))
		if err == nil {
			_, err = patternmatcher.New(patterns)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		return patterns, nil
	}
	return nil, nil
}
