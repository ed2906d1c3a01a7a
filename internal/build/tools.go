package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"github.com/fakecracker/fakecracker/internal/tree"
)

// maxScript is the longest script of a package that is looked at, in bytes.
const maxScript = 1 << 20

// toolOf finds the commands that the scripts of pkgsrc's packages name at
// their start, as in AWK="/usr/bin/awk" or ECHO=/bin/echo.
var toolOf = regexp.MustCompile(`(?m)^\s*[A-Z_][A-Z0-9_]*=["']?(/[^\s"';]+)`)

// scriptTools are what scripts take for granted.
var scriptTools = []string{"/bin/sh", "/bin/pwd", "/usr/bin/env", "/bin/test", "/bin/["}

// addTools adds the commands that the packages' scripts use, with their
// libraries, and returns the paths that are new. They are taken out again:
// the scripts run now or never.
func (b *builder) addTools(ctx context.Context) ([]string, error) {
	if len(b.scripts) == 0 || !b.wantsSystem() {
		return nil, nil
	}
	g, err := b.gatherer(ctx)
	if err != nil {
		return nil, err
	}
	tools := slices.Clone(scriptTools)
	for _, s := range b.scripts {
		named, err := toolsOf(s.File)
		if err != nil {
			return nil, fmt.Errorf("package %s: %w", s.Package, err)
		}
		tools = append(tools, named...)
	}
	b.tree.Watch()
	if err := addThose(ctx, g, tools, "scripts of packages"); err != nil {
		return nil, err
	}
	if err := g.Close(ctx); err != nil {
		return nil, err
	}
	return added(&b.tree), nil
}

// toolsOf returns the commands that the script names.
func toolsOf(e tree.Entry) (_ []string, err error) {
	r, err := e.Open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	text, err := io.ReadAll(io.LimitReader(r, maxScript))
	if err != nil {
		return nil, err
	}
	var tools []string
	for _, m := range toolOf.FindAllSubmatch(text, -1) {
		tools = append(tools, string(m[1]))
	}
	return tools, nil
}
