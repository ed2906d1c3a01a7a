// Package test holds the end-to-end tests: scripts that use the command as a
// person would, against real QEMU, real guests, real sockets and real disks.
package test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fakecracker/fakecracker/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(run{m}, map[string]func(){
		"fakecracker": func() { os.Exit(fakecracker(os.Args[1:])) },
		// guestrun is fakecracker run with the flags of the guest under test,
		// guestonly the same without its kernel.
		"guestrun":  func() { os.Exit(runGuest("GUEST_FLAGS")) },
		"guestonly": func() { os.Exit(runGuest("GUEST_ONLY")) },
		// guestbuild is fakecracker build for the guest under test, with the
		// tests' own mirror.
		"guestbuild": func() { os.Exit(guestVerb("build", "GUEST_FLAGS", "MIRROR_FLAGS")) },
	})
}

func runGuest(flags string) int { return guestVerb("run", flags, "MIRROR_FLAGS") }

// guestVerb runs a verb with the flags that the variables hold.
func guestVerb(verb string, variables ...string) int {
	args := []string{verb}
	for _, v := range variables {
		args = append(args, strings.Fields(os.Getenv(v))...)
	}
	return fakecracker(append(args, os.Args[1:]...))
}

func fakecracker(args []string) int {
	return cli.Main(context.Background(), args, os.Stdin, os.Stdout, os.Stderr)
}

// run is a testing.M that cleans up and counts at its end.
type run struct{ m *testing.M }

func (r run) Run() int {
	code := r.m.Run()
	if homeDir != "" {
		if err := os.RemoveAll(homeDir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	if path := os.Getenv("FAKECRACKER_TEST_SUMMARY"); path != "" {
		if err := count.write(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	return code
}

// TestHost runs the scripts that need no guest.
func TestHost(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/host",
		Cmds:                commands,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("FAKECRACKER_HOME", filepath.Join(env.WorkDir, "home"))
			root, err := filepath.Abs("..")
			env.Setenv("ROOT", root)
			return err
		},
	})
}

// commands are the scripts' own words.
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"freeport":    freePort,
	"listen":      listen,
	"http":        httpRequest,
	"post":        post,
	"sleep":       sleep,
	"alive":       alive,
	"exits":       exits,
	"interrupted": interrupted,
	"seedhome":    seedHome,
	"registry":    serveRegistry,
}
