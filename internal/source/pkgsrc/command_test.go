package pkgsrc

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTrivial(t *testing.T) {
	for command, want := range map[string][]action{
		"/bin/mkdir -p /var/x y":           {{do: makeDir, path: "/var/x"}, {do: makeDir, path: "/p/y"}},
		"mkdir -pm 0700 a && chown u:g a":  {{do: makeDir, path: "/p/a", mode: "0700"}, {do: change, path: "/p/a", user: "u", group: "g"}},
		"ln -sf ../a b":                    {{do: link, path: "/p/b", from: "../a", force: true}},
		"ln -s a b":                        {{do: link, path: "/p/b", from: "a"}},
		"chmod u+s bin/x; chgrp g 'bin/y'": {{do: change, path: "/p/bin/x", mode: "u+s"}, {do: change, path: "/p/bin/y", group: "g"}},
		"rm -f x 2>/dev/null || true":      {{do: remove, path: "/p/x"}},
		"touch x || /usr/bin/true":         {{do: touch, path: "/p/x"}},
		"true":                             nil,
	} {
		got, ok := trivial(command, "/p")
		if !ok {
			t.Errorf("%s is not done", command)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(action{})); diff != "" {
			t.Errorf("%s: %s", command, diff)
		}
	}
	for _, command := range []string{
		"install-info x", "rm -rf x", "chmod -R 0 x", "ln a b", "mkdir $x", "mkdir x || mkdir y", "mkdir x &",
		"mkdir", "! mkdir x", "mkdir x > y", "x=1 mkdir x", "(mkdir x)", "mkdir `x`", "ln -s a b c", "mkdir *", "if", "mkdir -m", "mkdir x -y",
	} {
		if got, ok := trivial(command, "/p"); ok {
			t.Errorf("%s is done: %v", command, got)
		}
	}
}
