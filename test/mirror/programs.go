package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// goarch are Go's names of NetBSD's architectures.
var goarch = map[string]string{"i386": "386", "amd64": "amd64"}

// findPrograms reads the programs, or compiles them.
func findPrograms(ctx context.Context, o Options, arch string) (programs, error) {
	if o.Programs == "" {
		return buildPrograms(ctx, o.Root, arch)
	}
	userland, err := os.ReadFile(filepath.Join(o.Programs, arch, "userland"))
	if err != nil {
		return programs{}, err
	}
	services, err := os.ReadFile(filepath.Join(o.Programs, arch, "services"))
	return programs{userland, services}, err
}

// buildPrograms compiles the userland and the services for the architecture.
func buildPrograms(ctx context.Context, root, arch string) (programs, error) {
	dir, err := os.MkdirTemp("", "fakecracker-userland")
	if err != nil {
		return programs{}, err
	}
	defer os.RemoveAll(dir)
	var p programs
	for from, to := range map[string]*[]byte{"./test/userland": &p.userland, "./test/userland/services": &p.services} {
		out := filepath.Join(dir, "program")
		c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out, from)
		c.Dir = root
		c.Env = append(os.Environ(), "GOOS=netbsd", "GOARCH="+goarch[arch], "CGO_ENABLED=0", "GOFLAGS=")
		if text, err := c.CombinedOutput(); err != nil {
			return p, fmt.Errorf("build %s for netbsd/%s: %w: %s", from, goarch[arch], err, bytes.TrimSpace(text))
		}
		if *to, err = os.ReadFile(out); err != nil {
			return p, err
		}
	}
	return p, nil
}

// moduleRoot is the folder of go.mod, at or above the current one.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod here or above: run it in the checkout")
		}
		dir = up
	}
}
