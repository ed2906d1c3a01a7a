package repo

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxSteps is how many choices are tried before a search for packages that go
// together is given up. Real packages leave some dozens.
const maxSteps = 10_000

// A solver is on its way to packages that go together. What begin with chosen
// is copied where there is a choice; the rest is shared.
type solver struct {
	x     *Index
	steps *int

	chosen   map[string]*pkg
	provided map[string][]*pkg // of those chosen, by what they provide
	barred   map[string][]bar  // by what those chosen don't go with
	open     []need            // dependencies that are not met yet
}

// A need is a dependency of a package.
type need struct {
	of     *pkg
	clause []alternative
}

// A bar is what a package does not go with.
type bar struct {
	of *pkg
	alternative
}

func newSolver(x *Index) *solver {
	return &solver{
		x: x, steps: new(int),
		chosen: make(map[string]*pkg), provided: make(map[string][]*pkg), barred: make(map[string][]bar),
	}
}

// clone returns a solver that goes its own way.
func (s *solver) clone() *solver {
	c := *s
	c.chosen, c.provided, c.barred = maps.Clone(s.chosen), maps.Clone(s.provided), maps.Clone(s.barred)
	c.open = slices.Clone(s.open)
	// What is appended to must not be shared.
	for k, v := range c.provided {
		c.provided[k] = slices.Clip(v)
	}
	for k, v := range c.barred {
		c.barred[k] = slices.Clip(v)
	}
	return &c
}

// take chooses p.
func (s *solver) take(p *pkg) {
	s.chosen[p.Name] = p
	for _, v := range p.provides() {
		s.provided[v.name] = append(s.provided[v.name], p)
	}
	for _, clause := range p.conflicts() {
		s.barred[clause[0].name] = append(s.barred[clause[0].name], bar{p, clause[0]})
	}
	for _, clause := range p.depends() {
		s.open = append(s.open, need{p, clause})
	}
}

func (p *pkg) depends() [][]alternative   { return parseRelations(p.PreDepends + "," + p.Depends) }
func (p *pkg) conflicts() [][]alternative { return parseRelations(p.Conflicts + "," + p.Breaks) }

// solve chooses until all dependencies are met.
func (s *solver) solve() error {
	if err := s.takeForced(); err != nil {
		return err
	}
	if len(s.open) == 0 {
		return nil
	}
	var first error
	candidates, err := s.candidates(s.open[0])
	if err != nil {
		return err
	}
	for _, p := range candidates {
		if *s.steps++; *s.steps > maxSteps {
			return errTooHard
		}
		try := s.clone()
		try.take(p)
		err := try.solve()
		if err == nil {
			*s = *try
			return nil
		}
		if errors.Is(err, errTooHard) {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}

var errTooHard = errors.New("the packages depend on each other in too many ways: name more of them")

// takeForced chooses whatever leaves no choice, and keeps the needs that do.
func (s *solver) takeForced() error {
	for again := true; again; {
		again = false
		open := s.open
		s.open = nil
		var choices []need
		for len(open) > 0 {
			n := open[0]
			open = open[1:]
			if s.met(n) {
				continue
			}
			candidates, err := s.candidates(n)
			if err != nil {
				return err
			}
			if len(candidates) > 1 {
				choices = append(choices, n)
				continue
			}
			s.take(candidates[0])
			again = true
		}
		s.open = append(choices, s.open...)
	}
	return nil
}

// met reports whether what is chosen meets the need.
func (s *solver) met(n need) bool {
	for _, a := range n.clause {
		if a.foreign(s.x.arch) {
			continue
		}
		if p := s.chosen[a.name]; p != nil && a.matches(p) {
			return true
		}
		if slices.ContainsFunc(s.provided[a.name], a.matches) {
			return true
		}
	}
	return false
}

// candidates returns the packages that would meet the need and go with those
// chosen, the first one to be tried first. That there is none is an error.
func (s *solver) candidates(n need) ([]*pkg, error) {
	var found []*pkg
	var refused error
	for _, a := range n.clause {
		if a.foreign(s.x.arch) {
			continue
		}
		for _, p := range s.alternatives(a) {
			if slices.Contains(found, p) {
				continue
			}
			err := s.conflict(p)
			if err == nil {
				found = append(found, p)
			} else if refused == nil {
				refused = err
			}
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	if refused != nil {
		return nil, fmt.Errorf("%s %s needs %s, but %w", n.of.Name, n.of.Version, written(n.clause), refused)
	}
	return nil, fmt.Errorf("%s %s needs %s, which is not in %s%s", n.of.Name, n.of.Version, written(n.clause), s.x.name, s.instead(n))
}

// alternatives returns what would do for a: the package of that name, then
// those that provide it.
func (s *solver) alternatives(a alternative) []*pkg {
	var found []*pkg
	if p := s.candidate(a.name); p != nil && a.accepts(p.Version) {
		found = append(found, p)
	}
	for _, p := range s.x.providers[a.name] {
		if p.Name != a.name && s.candidate(p.Name) == p && a.matches(p) {
			found = append(found, p)
		}
	}
	return found
}

// candidate returns the version of a package that is chosen, or that would be;
// nil where there is none.
func (s *solver) candidate(name string) *pkg {
	if p := s.chosen[name]; p != nil {
		return p
	}
	if all := s.x.byName[name]; len(all) > 0 {
		return all[0]
	}
	return nil
}

// conflict tells which chosen package p doesn't go with.
func (s *solver) conflict(p *pkg) error {
	if q := s.chosen[p.Name]; q != nil {
		return fmt.Errorf("%s is %s already", p.Name, q.Version)
	}
	names := []string{p.Name}
	for _, v := range p.provides() {
		names = append(names, v.name)
	}
	for _, name := range names {
		for _, b := range s.barred[name] {
			if b.of.Name != p.Name && b.matches(p) {
				return fmt.Errorf("%s does not go with %s %s", b.of.Name, p.Name, p.Version)
			}
		}
	}
	for _, clause := range p.conflicts() {
		a := clause[0]
		if q := s.chosen[a.name]; q != nil && q.Name != p.Name && a.matches(q) {
			return fmt.Errorf("%s does not go with %s %s", p.Name, q.Name, q.Version)
		}
		for _, q := range s.provided[a.name] {
			if q.Name != p.Name && a.matches(q) {
				return fmt.Errorf("%s does not go with %s %s", p.Name, q.Name, q.Version)
			}
		}
	}
	return nil
}

// instead says which version there is of what is needed in another.
func (s *solver) instead(n need) string {
	for _, a := range n.clause {
		if p := s.candidate(a.name); p != nil {
			return fmt.Sprintf(" (%s there is %s: is a suite missing in --debian-suite?)", p.Name, p.Version)
		}
	}
	return ""
}

// written is a clause as packages have it.
func written(clause []alternative) string {
	var parts []string
	for _, a := range clause {
		parts = append(parts, a.String())
	}
	return strings.Join(parts, " | ")
}

// ordered returns the chosen packages, each behind those that it depends on as
// far as that can be: where packages depend on each other, the one asked for
// comes last.
func (s *solver) ordered(asked []*pkg) []*pkg {
	var all []*pkg
	seen := make(map[*pkg]bool)
	var visit func(p *pkg)
	visit = func(p *pkg) {
		if seen[p] || p.given {
			return
		}
		seen[p] = true
		for _, clause := range p.depends() {
			for _, q := range s.meets(clause) {
				visit(q)
			}
		}
		all = append(all, p)
	}
	for _, p := range asked {
		visit(s.chosen[p.Name])
	}
	return all
}

// meets returns those chosen that meet a clause.
func (s *solver) meets(clause []alternative) []*pkg {
	var found []*pkg
	for _, a := range clause {
		if p := s.chosen[a.name]; p != nil && a.matches(p) {
			found = append(found, p)
		}
		for _, p := range s.provided[a.name] {
			if a.matches(p) {
				found = append(found, p)
			}
		}
	}
	return found
}
