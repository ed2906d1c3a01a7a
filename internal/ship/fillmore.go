package ship

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/image"
)

// fillMore reads the variables that say what a Dockerfile can: ENTRYPOINT,
// VOLUME, HEALTHCHECK, STOPSIGNAL, LABEL; and what of sailor's is for a guest
// that runs.
func (c *conf) fillMore(s *Ship) error {
	var err error
	if s.Config.Entrypoint, err = words(c.vars["entrypoint"]); err != nil {
		return c.wrong("entrypoint", err)
	}
	if s.Config.Volumes, err = c.absolutes("volumes"); err != nil {
		return err
	}
	if s.Config.Publish, err = publishList(c.vars["publish"]); err != nil {
		return c.wrong("publish", err)
	}
	s.Config.Health = health(c.vars["healthcheck"])
	if signal := c.vars["stopsignal"]; signal != "" {
		if s.Config.StopSignal, err = signalName(signal, newAnswers(s.Guest).guest.OS); err != nil {
			return c.wrong("stopsignal", err)
		}
	}
	labels, err := assignmentWords(c.vars["labels"])
	if err != nil {
		return c.wrong("labels", err)
	}
	for _, kv := range labels {
		if s.Config.Labels == nil {
			s.Config.Labels = make(map[string]string)
		}
		key, value, _ := strings.Cut(kv, "=")
		s.Config.Labels[key] = value
	}
	s.Config.Hooks = s.Hooks.Hooks
	s.Config.Services = s.Services
	return nil
}

// health makes a check of a command for the guest's shell.
func health(command string) *image.Health {
	switch command = strings.TrimSpace(command); {
	case command == "":
		return nil
	case strings.EqualFold(command, "none"):
		return &image.Health{Test: []string{"NONE"}}
	}
	return &image.Health{Test: []string{"CMD-SHELL", command}}
}

// absolutes reads paths of the guest.
func (c *conf) absolutes(name string) ([]string, error) {
	var all []string
	for _, p := range strings.Fields(c.vars[name]) {
		if !path.IsAbs(p) || path.Clean(p) == "/" {
			return nil, c.wrong(name, fmt.Errorf("%s: not an absolute path of the guest", quoted(p)))
		}
		if p = path.Clean(p); !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all, nil
}

// fillSystem reads the variables about the guest's system: where its files
// come from, and which of them go in.
func (c *conf) fillSystem(s *Ship) error {
	var err error
	if text := strings.Join(strings.Fields(c.vars["sets"]), ","); text != "" {
		list, ok := sets(text)
		if !ok {
			return c.wrong("sets", errors.New(`not a list of NetBSD's sets such as "base etc comp:/usr/bin/strip"`))
		}
		s.Sets = list
	}
	if s.Release = c.vars["release"]; checkRelease(s.Release) != nil {
		return c.wrong("release", errors.New("not a release such as 10.1"))
	}
	if s.Also, err = c.absolutes("also"); err != nil {
		return err
	}
	if s.Prune, err = yes(c.vars["prune"]); err != nil {
		return c.wrong("prune", err)
	}
	return nil
}
