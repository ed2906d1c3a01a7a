package buildvm

import (
	"github.com/fakecracker/fakecracker/internal/tree"
)

// resolvConf is resolv.conf(5), by which a guest finds the name server.
const resolvConf = "/etc/resolv.conf"

// A resolver is the resolv.conf that a root has while its steps reach the
// network, and not before or after: whoever runs the image has another.
type resolver struct {
	ours tree.Entry
	old  tree.Entry // in whose place ours is, if had
	had  bool
}

// addResolver gives the root a resolv.conf with the network's name server.
func addResolver(t *tree.Tree) (*resolver, error) {
	at, err := t.ResolveParent(resolvConf)
	if err != nil {
		return nil, err
	}
	r := new(resolver)
	r.old, r.had = t.Get(at)
	dir, _ := t.Get("/etc")
	r.ours = tree.NewFile(at, 0o644, []byte("nameserver "+nameServer+"\n"), dir.ModTime, "a step's network")
	if err := t.Put(r.ours); err != nil {
		return nil, err
	}
	t.MakeParents(dir.ModTime)
	return r, nil
}

// takeOut gives the root the resolv.conf back that it had, unless a step has
// made one.
func (r *resolver) takeOut(t *tree.Tree) error {
	e, ok := t.Get(r.ours.Path)
	switch {
	case !ok || e.Type != tree.File || e.Digest != r.ours.Digest:
		return nil
	case r.had:
		return t.Put(r.old)
	}
	t.Remove(r.ours.Path)
	return nil
}
