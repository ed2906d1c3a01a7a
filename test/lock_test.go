package test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fakecracker/fakecracker/test/mirror"
)

// copyKey is where a script keeps its mirror.
type copyKey struct{}

// TestLocks runs the scripts of locks that need no guest, each with a mirror
// of its own that it may change.
func TestLocks(t *testing.T) {
	from, err := mirror.Dir(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]func(*testscript.TestScript, bool, []string){
		"withdraw": onCopy((*mirror.Copy).Withdraw),
		"offer":    onCopy((*mirror.Copy).Offer),
		"respin":   onCopy((*mirror.Copy).Respin),
	}
	for name, word := range commands {
		words[name] = word
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/lock",
		Cmds:                words,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			c, err := mirror.NewCopy(filepath.Join(env.WorkDir, "mirror"), from)
			if err != nil {
				return err
			}
			s, err := mirror.Serve(c.Dir)
			if err != nil {
				return err
			}
			env.Defer(func() { _ = s.Close() }) // nobody asks it any more
			env.Values[copyKey{}] = c
			env.Setenv("FAKECRACKER_HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("GUEST_FLAGS", "--guest netbsd/i386")
			env.Setenv("MIRROR_FLAGS", "--mirror "+s.ReleasesURL()+" --pkgsrc "+s.PackagesURL()+"/NetBSD")
			env.Setenv("MIRROR", s.URL())
			return os.Mkdir(filepath.Join(env.WorkDir, "tmp"), 0o777)
		},
	})
}

// onCopy makes a word of scripts of a change to their mirror.
func onCopy(change func(*mirror.Copy, string) error) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		c, ok := ts.Value(copyKey{}).(*mirror.Copy)
		if neg || len(args) == 0 || !ok {
			ts.Fatalf("usage: withdraw|offer|respin NAME...")
		}
		var err error
		for _, name := range args {
			err = errors.Join(err, change(c, name))
		}
		ts.Check(err)
	}
}
