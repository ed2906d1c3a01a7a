package ship

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// workdir takes a WORKDIR, and makes the folder.
func (e *evaluator) workdir(word string) (Step, error) {
	dir, err := e.words().one(word)
	if err != nil {
		return Step{}, err
	}
	if dir == "" {
		return Step{}, errors.New("WORKDIR is empty")
	}
	e.cfg.WorkDir = e.absolute(dir)
	if e.cfg.WorkDir == "/" {
		return Step{}, e.plain("WORKDIR", dir)
	}
	return Step{Make: &Make{Dirs: []string{e.cfg.WorkDir}, Owner: e.cfg.User}}, e.plain("WORKDIR", dir)
}

// absolute joins a path of the guest to the working folder.
func (e *evaluator) absolute(p string) string {
	if path.IsAbs(p) {
		return path.Clean(p)
	}
	return path.Join("/", e.cfg.WorkDir, p)
}

// volume takes a VOLUME: a folder that data lives in, which is made. smolBSD
// would share the host's folder of that name there.
func (e *evaluator) volume(words []string) (Step, error) {
	m := &Make{}
	for _, word := range words {
		dir, err := e.words().one(word)
		if err != nil {
			return Step{}, err
		}
		if err := e.plain("VOLUME", dir); err != nil {
			return Step{}, err
		}
		if dir = path.Clean("/" + dir); dir == "/" {
			return Step{}, errors.New("VOLUME / is the whole root")
		}
		kept := keptVolume
		if e.def.smol {
			kept = "smolBSD shares a folder of the host there: here it is " + kept
		}
		e.note(fmt.Sprintf("VOLUME %s: %s", dir, kept))
		m.Dirs = append(m.Dirs, dir)
		if !slices.Contains(e.cfg.Volumes, dir) {
			e.cfg.Volumes = append(e.cfg.Volumes, dir)
		}
	}
	return Step{Make: m}, nil
}

// user takes a USER. smolBSD makes the account if there is none.
func (e *evaluator) user(word string) (Step, error) {
	user, err := e.words().one(word)
	if err != nil {
		return Step{}, err
	}
	if err := e.plain("USER", user); err != nil {
		return Step{}, err
	}
	name, _, _ := strings.Cut(user, ":")
	if name == "" || strings.ContainsAny(user, " \t\n/") {
		return Step{}, fmt.Errorf("USER %s: one user is wanted, a name or a number, perhaps with :group", quoted(user))
	}
	e.cfg.User = user
	if !e.def.smol || name == "root" || strings.Trim(name, "0123456789") == "" {
		return Step{}, nil
	}
	return Step{Make: &Make{User: name}}, nil
}

// plain refuses a value that only a shell could have finished.
func (e *evaluator) plain(what, value string) error {
	if e.def.smol && strings.Contains(value, "$(") {
		return fmt.Errorf("%s %s: a command's output can't be known here: give the value by --build-arg", what, quoted(value))
	}
	if strings.ContainsAny(value, "\x00\n") {
		return fmt.Errorf("%s %s: not on one line", what, quoted(value))
	}
	return nil
}
