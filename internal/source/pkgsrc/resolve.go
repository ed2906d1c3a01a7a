package pkgsrc

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxTries bounds how many packages are tried before the search is given up.
// Real repositories, which have one version of nearly every package, take one
// try for each package.
const maxTries = 20000

// A choice is a package that is to be installed.
type choice struct {
	*entry
	needed    int   // the place among the choices of the one that needs it; asker where it was asked for
	depends   []int // places of what it depends on
	conflicts []pattern
}

// asker stands for whoever asked for packages in place of a choice.
const asker = -1

// A need is a pattern that some choice must match.
type need struct {
	pattern pattern
	found   []listed // what the index has for it, the best first
	by      int      // the choice that needs it, or asker
}

// A decision is the choice made for a need. There is one for each choice, at
// the same place.
type decision struct {
	need    int          // its place among the needs
	next    int          // place in found of what is to be tried next
	blame   map[int]bool // decisions that kept others from being chosen
	pending int          // how many needs there were before
}

// A solver chooses packages so that every need is met: for each need the best
// that goes with what was chosen before. Where none does it goes back to the
// latest decision that has to do with it, and takes the next best there.
type solver struct {
	index     *index
	patterns  map[string]pattern
	needs     []need
	choices   []choice
	decisions []decision
	tries     int
	first     error // why the first attempt came to nothing, which is the one that people can follow
}

// resolve returns the packages asked for and all that they depend on, so that
// each comes after what it depends on unless there is a circle.
func (x *index) resolve(names []string) ([]choice, error) {
	s := &solver{index: x, patterns: make(map[string]pattern)}
	for _, name := range names {
		p, found, err := x.asked(name)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			if found, err = x.superseding(name); err != nil {
				return nil, err
			}
		}
		if len(found) == 0 {
			return nil, notFoundError{name}
		}
		s.needs = append(s.needs, need{pattern: p, found: found, by: asker})
	}
	if err := s.solve(); err != nil {
		return nil, err
	}
	return s.ordered(), nil
}

// notFoundError says that the index has no such package.
type notFoundError struct{ name string }

func (e notFoundError) Error() string { return fmt.Sprintf("package %q not found", e.name) }

// solve meets the needs one after another, those that choices bring included.
func (s *solver) solve() error {
	for at := 0; at < len(s.needs); at++ {
		if s.met(at) {
			continue
		}
		d := decision{need: at, pending: len(s.needs), blame: make(map[int]bool)}
		if by := s.needs[at].by; by != asker {
			d.blame[by] = true
		}
		for {
			ok, err := s.choose(&d)
			if err != nil {
				return err
			}
			if ok {
				at = d.need
				break
			}
			if d, ok = s.back(d); !ok {
				return s.first
			}
		}
	}
	return nil
}

// met reports whether some choice already meets the need.
func (s *solver) met(at int) bool {
	return slices.ContainsFunc(s.choices, s.needs[at].meets)
}

// meets reports whether c is one of those that n can be met by.
func (n need) meets(c choice) bool {
	return slices.ContainsFunc(n.found, func(l listed) bool { return l.base == c.Base && l.version == c.Version })
}

// choose takes the next of d's packages that goes with the choices so far,
// and reports whether there is one.
func (s *solver) choose(d *decision) (bool, error) {
	n := s.needs[d.need]
	why := s.unmet(n)
	for d.next < len(n.found) {
		if s.tries++; s.tries > maxTries {
			return false, fmt.Errorf("no packages that go together found in %d tries: %w", maxTries, cmp.Or(s.first, why))
		}
		e, err := s.index.entry(n.found[d.next])
		if err != nil {
			return false, err
		}
		d.next++
		c := choice{entry: e, needed: n.by}
		c.conflicts = s.parsed(slices.Concat(e.Conflicts, e.Supersedes))
		other, reason := s.clash(c, n)
		if reason == nil {
			return true, s.take(c, *d)
		}
		d.blame[other] = true
		why = reason
	}
	if s.first == nil {
		s.first = why
	}
	return false, nil
}

// take adds c, which d led to, and what it needs.
func (s *solver) take(c choice, d decision) error {
	by := len(s.choices)
	s.choices, s.decisions = append(s.choices, c), append(s.decisions, d)
	for _, text := range c.Depends {
		p, err := s.parse(text)
		if err != nil {
			return fmt.Errorf("%s depends on %w", c.name(), err)
		}
		found := s.index.candidates(p)
		if len(found) == 0 {
			for _, a := range p.alts {
				more, err := s.index.superseding(a.stem())
				if err != nil {
					return err
				}
				found = append(found, more...)
			}
		}
		s.needs = append(s.needs, need{pattern: p, found: found, by: by})
	}
	return nil
}

// back undoes the latest decision that d's failure has to do with, and
// returns it. It reports whether there is one.
func (s *solver) back(d decision) (decision, bool) {
	latest := asker
	for i := range d.blame {
		latest = max(latest, i)
	}
	if latest == asker {
		return decision{}, false
	}
	to := s.decisions[latest]
	for i := range d.blame {
		if i != latest {
			to.blame[i] = true
		}
	}
	s.choices, s.decisions = s.choices[:latest], s.decisions[:latest]
	s.needs = s.needs[:to.pending]
	return to, true
}

// clash returns the choice that c can't be installed beside, and why.
func (s *solver) clash(c choice, n need) (other int, why error) {
	for i, o := range s.choices {
		switch {
		case o.Base == c.Base:
			return i, fmt.Errorf("%s, but %s is wanted too%s", s.unmet(n), o.name(), s.because(o))
		case matchesAny(c.conflicts, o.name()):
			return i, fmt.Errorf("%s conflicts with %s%s%s", c.name(), o.name(), s.because(c), s.because(o))
		case matchesAny(o.conflicts, c.name()):
			return i, fmt.Errorf("%s conflicts with %s%s%s", o.name(), c.name(), s.because(o), s.because(c))
		}
	}
	return 0, nil
}

func matchesAny(patterns []pattern, name string) bool {
	return slices.ContainsFunc(patterns, func(p pattern) bool { return p.match(name) })
}

// because says what needs c, and what needs that: " (web-1.0 > php-8.2.1)".
func (s *solver) because(c choice) string {
	var chain []string
	for by := c.needed; by != asker; by = s.choices[by].needed {
		chain = append(chain, s.choices[by].name())
	}
	if len(chain) == 0 {
		return ""
	}
	slices.Reverse(chain)
	return fmt.Sprintf(" (%s needs %s)", strings.Join(chain, " needs "), c.name())
}

// unmet says of n that it is not met, and what the index has in its place.
func (s *solver) unmet(n need) error {
	if n.by == asker {
		return fmt.Errorf("%s is asked for", n.pattern.text)
	}
	by := s.choices[n.by]
	msg := fmt.Sprintf("%s needs %s", by.name(), n.pattern.text)
	if len(n.found) == 0 {
		msg += ", the index has " + s.instead(n.pattern)
	}
	return errors.New(msg + s.because(by))
}

// instead names the packages of the index that come next to p.
func (s *solver) instead(p pattern) string {
	var names []string
	for _, a := range p.alts {
		base := a.stem()
		if len(s.index.named(base)) == 0 {
			base, _, _ = splitName(base)
		}
		for _, l := range s.index.named(base) {
			if !slices.Contains(names, l.name()) {
				names = append(names, l.name())
			}
		}
	}
	if len(names) == 0 {
		return "no such package"
	}
	return strings.Join(names, ", ")
}

func (s *solver) parse(text string) (pattern, error) {
	if p, ok := s.patterns[text]; ok {
		return p, nil
	}
	p, err := parsePattern(text)
	if err == nil {
		s.patterns[text] = p
	}
	return p, err
}

// parsed leaves out what is no pattern, which matches nothing.
func (s *solver) parsed(texts []string) []pattern {
	var all []pattern
	for _, text := range texts {
		if p, err := s.parse(text); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// ordered returns the choices, each after what it depends on.
func (s *solver) ordered() []choice {
	for _, n := range s.needs {
		if n.by == asker {
			continue
		}
		by := &s.choices[n.by]
		if i := slices.IndexFunc(s.choices, n.meets); !slices.Contains(by.depends, i) {
			by.depends = append(by.depends, i)
		}
	}
	var order []int
	visited := make([]bool, len(s.choices))
	var visit func(i int)
	visit = func(i int) {
		if visited[i] {
			return
		}
		visited[i] = true
		for _, d := range s.choices[i].depends {
			visit(d)
		}
		order = append(order, i)
	}
	for i := range s.choices {
		visit(i)
	}
	return s.renumbered(order)
}

// renumbered returns the choices in another order.
func (s *solver) renumbered(order []int) []choice {
	place := make([]int, len(order))
	for to, from := range order {
		place[from] = to
	}
	all := make([]choice, len(order))
	for to, from := range order {
		c := s.choices[from]
		if c.needed != asker {
			c.needed = place[c.needed]
		}
		for i := range c.depends {
			c.depends[i] = place[c.depends[i]]
		}
		all[to] = c
	}
	return all
}
