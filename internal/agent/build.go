package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Target is an operating system and a processor, both as Go names them.
type Target struct{ OS, Arch string }

// Targets are what the guest's program is made for.
func Targets() []Target {
	return []Target{{"netbsd", "386"}, {"netbsd", "amd64"}, {"linux", "amd64"}}
}

// String returns "netbsd-386" or the like, as it is in file names.
func (t Target) String() string { return t.OS + "-" + t.Arch }

// targetOf accepts NetBSD's name for a processor as well as Go's.
func targetOf(system, arch string) (Target, error) {
	if arch == "i386" {
		arch = "386"
	}
	want := Target{system, arch}
	for _, t := range Targets() {
		if t == want {
			return t, nil
		}
	}
	return Target{}, fmt.Errorf("there is no agent for %s/%s guests", system, arch)
}

var errNoToolchain = errors.New("this program came without the guest's agent and there is no Go toolchain to build it with: install Go 1.26, or build this program by make")

// Build compiles the guest's program from its embedded source with the Go
// toolchain at hand, and returns it and the source's hash. The same source
// and toolchain give the same bytes.
func Build(ctx context.Context, t Target) (program []byte, hash string, err error) {
	files, err := sourceFiles()
	if err != nil {
		return nil, "", fmt.Errorf("build the %s agent: %w", t, err)
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		return nil, "", errNoToolchain
	}
	dir, err := os.MkdirTemp("", "fakecracker-agent-*")
	if err != nil {
		return nil, "", fmt.Errorf("build the %s agent: %w", t, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := writeSource(dir, files); err != nil {
		return nil, "", fmt.Errorf("build the %s agent: %w", t, err)
	}
	hash = sourceHash(files)
	program, err = compile(ctx, tool, dir, t, hash)
	return program, hash, err
}

func compile(ctx context.Context, tool, dir string, t Target, hash string) ([]byte, error) {
	out := filepath.Join(dir, "agent")
	c := exec.CommandContext(ctx, tool, "build", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w -buildid= -X "+modulePath+"/internal/agent/guest.source="+hash,
		"-o", out, "./cmd/agent")
	c.Dir = dir
	c.Env = buildEnv(os.Environ(), dir, t)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	if err := c.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("build the %s agent with %s: %w: %s", t, tool, err, firstLine(stderr.String()))
	}
	return os.ReadFile(out)
}

// buildEnv is the environment without what would change the result, and
// without the network: the standard library is all that is needed.
func buildEnv(environ []string, dir string, t Target) []string {
	env := []string{
		"GOOS=" + t.OS, "GOARCH=" + t.Arch, "GO386=sse2", "GOAMD64=v1", "CGO_ENABLED=0",
		"GOFLAGS=", "GOWORK=off", "GO111MODULE=on", "GOPROXY=off", "GOTOOLCHAIN=local",
		"GOEXPERIMENT=", "GOENV=off",
	}
	hasCache := false
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		switch {
		case name == "GOCACHE" || name == "HOME" || name == "XDG_CACHE_HOME":
			hasCache = true
			env = append(env, kv)
		case !strings.HasPrefix(name, "GO") && !strings.HasPrefix(name, "CGO_"):
			env = append(env, kv)
		case name == "GOROOT":
			env = append(env, kv)
		}
	}
	if !hasCache {
		env = append(env, "GOCACHE="+filepath.Join(dir, "cache"))
	}
	return env
}

// firstLine is the first line of a compiler's output that is not a heading.
func firstLine(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return line
		}
	}
	return "it printed nothing"
}
