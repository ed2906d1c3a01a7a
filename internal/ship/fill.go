package ship

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// ship makes a Ship of the variables.
func (c *conf) ship(o Options) (Ship, error) {
	s := Ship{
		File: c.file, Dir: c.dir, Guest: c.guest,
		ShipPath: c.vars["shippath"],
		Packages: strings.Fields(c.vars["packages"]),
		Bins:     strings.Fields(c.vars["shipbins"]),
		SyncDirs: strings.Fields(c.vars["sync_dirs"]),
		Services: strings.Fields(c.vars["services"]),
		Hooks:    c.hooks,
	}
	for _, fill := range []func(*Ship) error{c.fillName, c.fillPath, c.noteAddresses, c.fillConfig, c.fillMore, c.fillSystem, c.fillPrograms} {
		if err := fill(&s); err != nil {
			return Ship{}, err
		}
	}
	var err error
	if s.Overlays, err = c.overlays(s.Name, newAnswers(s.Guest).system()); err != nil {
		return Ship{}, err
	}
	c.noteKept(&s)
	s.Notes = c.notes
	s.Lines = c.knownLines()
	return s, nil
}

// knownLines returns the lines of the variables that mean something.
func (c *conf) knownLines() map[string]int {
	lines := make(map[string]int)
	for name, line := range c.lines {
		if base, _, _ := strings.Cut(name, "["); isKnown(base) {
			lines[name] = line
		}
	}
	return lines
}

func (c *conf) fillName(s *Ship) error {
	s.Name = c.vars["shipname"]
	if s.Name == "" {
		return fmt.Errorf("%s: shipname is missing: add a line such as shipname=%s", c.file, nameOf(strings.TrimSuffix(filepath.Base(c.file), ".conf")))
	}
	if !validName(s.Name) {
		return c.wrong("shipname", errors.New("a name has letters, digits and . _ - and starts with one of the first two"))
	}
	return nil
}

// fillPath notes where sailor would build. It aborts where that is its own
// root, as it is when a variable in it has no value.
func (c *conf) fillPath(s *Ship) error {
	if _, set := c.lines["shippath"]; !set {
		return nil
	}
	if p := s.ShipPath; p == "" || path.Clean(p) == "/" {
		return c.wrong("shippath", errors.New("sailor would abort, since that is this system's own root: name a folder, or leave the line out"))
	}
	return nil
}

// fillConfig reads our own variables but for program.
func (c *conf) fillConfig(s *Ship) error {
	var err error
	if s.Config.Cmd, err = words(c.vars["cmd"]); err != nil {
		return c.wrong("cmd", err)
	}
	if s.Config.Env, err = environment(c.vars["env"]); err != nil {
		return c.wrong("env", err)
	}
	if err := ports(c.vars["expose"], &s.Config.Expose, &s.Config.ExposeUDP); err != nil {
		return c.wrong("expose", err)
	}
	if s.Config.Memory, err = size(c.vars["memory"]); err != nil {
		return c.wrong("memory", err)
	}
	s.Config.User = c.vars["user"]
	if strings.ContainsAny(s.Config.User, " \t\n") {
		return c.wrong("user", errors.New("one user: a name or a number, perhaps with :group"))
	}
	s.Config.WorkDir = c.vars["workdir"]
	if d := s.Config.WorkDir; d != "" && !path.IsAbs(d) {
		return c.wrong("workdir", errors.New("not an absolute path of the guest"))
	}
	return nil
}

// fillPrograms reads program="HOST[:GUEST] …". A definition that doesn't say
// for which guest it is gets its programs', and one that doesn't say what to
// start gets its only program.
func (c *conf) fillPrograms(s *Ship) error {
	for _, word := range strings.Fields(c.vars["program"]) {
		host, guest, ok := strings.Cut(word, ":")
		if !ok {
			guest = "/usr/bin/" + filepath.Base(host)
		}
		if !path.IsAbs(guest) || strings.HasSuffix(guest, "/") || path.Clean(guest) == "/" {
			return c.wrong("program", fmt.Errorf("%s: not the absolute path of a file in the guest", guest))
		}
		if !filepath.IsAbs(host) {
			host = filepath.Join(c.dir, host)
		}
		if err := c.fitProgram(s, host); err != nil {
			return c.wrong("program", err)
		}
		s.Programs = append(s.Programs, Program{Host: host, Guest: path.Clean(guest)})
	}
	if len(s.Programs) == 1 && len(s.Config.Args()) == 0 && len(s.Services) == 0 {
		s.Config.Cmd = []string{s.Programs[0].Guest}
	}
	return nil
}

// fitProgram checks the program of the host against the guest so far. A
// script runs anywhere.
func (c *conf) fitProgram(s *Ship, host string) error {
	fi, err := os.Stat(host)
	if err != nil {
		return fmt.Errorf("%w (it has to be built first)", err)
	}
	if !fi.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", host)
	}
	elf, err := startsWith(host, elfMagic)
	if err != nil || !elf {
		return err
	}
	guest, err := guestOf(host)
	if err != nil {
		return err
	}
	if err := agree(guest, s.Guest); err != nil {
		return fmt.Errorf("%s: %w", host, err)
	}
	s.Guest = guest
	return nil
}

// overlays returns the folders that go over the tree, in sailor's order. They
// are looked for in ships/ beside the definition, above it (sailor's
// checkout has examples/ and ships/), and in the current folder. One that is a
// link to elsewhere is refused: a ship must not bring the host's files along.
func (c *conf) overlays(name, system string) ([]Overlay, error) {
	var all []Overlay
	for _, o := range []Overlay{
		{Dir: filepath.Join("common", "all"), Keep: true},
		{Dir: filepath.Join("common", system), Keep: true},
		{Dir: name},
	} {
		for _, base := range []string{c.dir, filepath.Join(c.dir, ".."), "."} {
			dir := filepath.Join(base, "ships", o.Dir)
			if fi, err := os.Stat(dir); err == nil && fi.IsDir() {
				real, err := realPath(dir)
				if err == nil && !isBelow(real, rootsOf(c.dir)...) {
					err = errOutside
				}
				if err != nil {
					return nil, fmt.Errorf("%s: overlay %s: it leads to %s: %w", c.at("shipname"), dir, real, err)
				}
				all = append(all, Overlay{Dir: dir, Keep: o.Keep})
				break
			}
		}
	}
	return all, nil
}
