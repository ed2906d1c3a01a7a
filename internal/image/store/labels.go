package store

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// labelPrefix begins the labels that hold what the specification has no field
// for.
const labelPrefix = "io.fakecracker."

// A label is one of ours: how to get its value from settings, "" for none, and
// how to set it.
type label struct {
	name string
	get  func(s *settings) any
	zero func(s *settings) bool
}

// labels are those that we write. Values are JSON, but strings stand as they
// are.
func labels() []label {
	return []label{
		{"memory", func(s *settings) any { return &s.config.Memory }, func(s *settings) bool { return s.config.Memory == 0 }},
		{"disk-size", func(s *settings) any { return &s.config.DiskSize }, func(s *settings) bool { return s.config.DiskSize == 0 }},
		{"init", func(s *settings) any { return &s.config.Init }, func(s *settings) bool { return !s.config.Init }},
		{"read-only", func(s *settings) any { return &s.config.ReadOnly }, func(s *settings) bool { return !s.config.ReadOnly }},
		{"publish", func(s *settings) any { return &s.config.Publish }, func(s *settings) bool { return len(s.config.Publish) == 0 }},
		{"services", func(s *settings) any { return &s.config.Services }, func(s *settings) bool { return len(s.config.Services) == 0 }},
		{"hooks", func(s *settings) any { return &s.config.Hooks }, func(s *settings) bool {
			h := s.config.Hooks
			return len(h.Start)+len(h.Stop)+len(h.Status)+len(h.Destroy) == 0
		}},
		{"kernel", func(s *settings) any { return &s.kernel }, func(s *settings) bool { return s.kernel == "" }},
		{"packages", func(s *settings) any { return &s.packages }, func(s *settings) bool { return len(s.packages) == 0 }},
	}
}

// addLabels writes our labels into c.
func addLabels(c *v1.Config, s settings) error {
	for _, l := range labels() {
		if l.zero(&s) {
			continue
		}
		value := l.get(&s)
		if text, ok := value.(*string); ok {
			c.Labels[labelPrefix+l.name] = *text
			continue
		}
		b, err := json.Marshal(value)
		if err != nil {
			return err
		}
		c.Labels[labelPrefix+l.name] = string(b)
	}
	return nil
}

// takeLabels moves our labels from the configuration's to where they belong.
// One that this program doesn't know is a later version's, and means nothing.
func (s *settings) takeLabels() error {
	all := maps.Clone(s.config.Labels)
	s.config.Labels = nil
	for k, v := range all {
		if strings.HasPrefix(k, labelPrefix) {
			continue
		}
		if s.config.Labels == nil {
			s.config.Labels = map[string]string{}
		}
		s.config.Labels[k] = v
	}
	for _, l := range labels() {
		text, ok := all[labelPrefix+l.name]
		if !ok {
			continue
		}
		if p, isText := l.get(s).(*string); isText {
			*p = text
		} else if err := json.Unmarshal([]byte(text), l.get(s)); err != nil {
			return fmt.Errorf("the label %s%s: %w", labelPrefix, l.name, err)
		}
	}
	if s.config.Memory < 0 || s.config.DiskSize < 0 {
		return fmt.Errorf("the labels %smemory or disk-size are below zero", labelPrefix)
	}
	return nil
}
