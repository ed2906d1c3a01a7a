package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/fakecracker/fakecracker/internal/image"
)

// Bounds of configurations from elsewhere.
const (
	maxConfig  = 8 << 20 // bytes
	maxLayers  = 512
	maxHistory = 4096
)

// settings is what an image's configuration says.
type settings struct {
	guest    image.Guest
	config   image.Config
	created  time.Time
	author   string
	kernel   string
	packages []Package
	diffIDs  []string
	history  []v1.History
}

// arches are the processors of guests by the words of the specification, which
// are Go's.
var arches = map[string]string{"386": "i386", "amd64": "amd64"}

// guestOf returns the guest for a platform of the specification.
func guestOf(os, arch string) (image.Guest, error) {
	if (os != "netbsd" && os != "linux") || arches[arch] == "" {
		return image.Guest{}, fmt.Errorf("the image is for %q on %q: guests are netbsd or linux, on 386 or amd64", os, arch)
	}
	return image.Guest{OS: os, Arch: arches[arch]}, nil
}

// platformOf is the other way round.
func platformOf(g image.Guest) (v1.Platform, error) {
	for oci, ours := range arches {
		if ours == g.Arch && (g.OS == "netbsd" || g.OS == "linux") {
			return v1.Platform{OS: g.OS, Architecture: oci}, nil
		}
	}
	return v1.Platform{}, fmt.Errorf("no guest is %s: want netbsd or linux, on i386 or amd64", g)
}

// encode returns the configuration's JSON: the same bytes for the same
// settings.
func (s settings) encode() ([]byte, error) {
	p, err := platformOf(s.guest)
	if err != nil {
		return nil, err
	}
	c, err := encodeConfig(s.config)
	if err != nil {
		return nil, err
	}
	if err := addLabels(&c, s); err != nil {
		return nil, err
	}
	f := v1.ConfigFile{
		OS: p.OS, Architecture: p.Architecture, Author: s.author, Created: v1.Time{Time: s.created},
		Config: c, History: s.history, RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}},
	}
	for _, id := range s.diffIDs {
		f.RootFS.DiffIDs = append(f.RootFS.DiffIDs, v1.Hash{Algorithm: "sha256", Hex: hexOf(id)})
	}
	return json.Marshal(f)
}

// encodeConfig leaves out OnBuild: a base's triggers are not those of what is
// built on it.
func encodeConfig(c image.Config) (v1.Config, error) {
	out := v1.Config{
		Entrypoint: c.Entrypoint, Cmd: c.Cmd, Env: c.Env, User: c.User, WorkingDir: c.WorkDir,
		StopSignal: c.StopSignal, Shell: c.Shell, Labels: map[string]string{},
	}
	for k, v := range c.Labels {
		if strings.HasPrefix(k, labelPrefix) {
			return out, fmt.Errorf("the label %s: those that begin with %s are the program's own", k, labelPrefix)
		}
		out.Labels[k] = v
	}
	if n := len(c.Expose) + len(c.ExposeUDP); n > 0 {
		out.ExposedPorts = make(map[string]struct{}, n)
	}
	for _, port := range c.Expose {
		out.ExposedPorts[fmt.Sprintf("%d/tcp", port)] = struct{}{}
	}
	for _, port := range c.ExposeUDP {
		out.ExposedPorts[fmt.Sprintf("%d/udp", port)] = struct{}{}
	}
	for _, dir := range c.Volumes {
		if out.Volumes == nil {
			out.Volumes = map[string]struct{}{}
		}
		out.Volumes[dir] = struct{}{}
	}
	if h := c.Health; h != nil {
		out.Healthcheck = &v1.HealthConfig{
			Test: h.Test, Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, Retries: h.Retries,
		}
	}
	return out, nil
}

// decodeSettings reads a configuration, which may come from anyone.
func decodeSettings(b []byte) (settings, error) {
	var f v1.ConfigFile
	if len(b) > maxConfig {
		return settings{}, fmt.Errorf("a configuration of %d bytes, more than %d", len(b), maxConfig)
	}
	if err := json.Unmarshal(b, &f); err != nil {
		return settings{}, fmt.Errorf("the configuration is damaged: %w", err)
	}
	s := settings{created: f.Created.UTC(), author: f.Author, history: f.History}
	var err error
	if s.guest, err = guestOf(f.OS, f.Architecture); err != nil {
		return s, err
	}
	if s.diffIDs, err = diffIDs(f); err != nil {
		return s, err
	}
	if s.config, err = decodeConfig(f.Config); err != nil {
		return s, err
	}
	return s, s.takeLabels()
}

func diffIDs(f v1.ConfigFile) ([]string, error) {
	if len(f.RootFS.DiffIDs) > maxLayers || len(f.History) > maxHistory {
		return nil, fmt.Errorf("the image has %d layers and %d steps; %d and %d are the most", len(f.RootFS.DiffIDs), len(f.History), maxLayers, maxHistory)
	}
	var ids []string
	for _, h := range f.RootFS.DiffIDs {
		if !isDigest(h.String()) {
			return nil, fmt.Errorf("the layer %q is not named by a SHA-256 digest", h)
		}
		ids = append(ids, h.String())
	}
	return ids, nil
}

func decodeConfig(c v1.Config) (image.Config, error) {
	out := image.Config{
		Entrypoint: c.Entrypoint, Cmd: c.Cmd, Env: c.Env, User: c.User, WorkDir: c.WorkingDir,
		StopSignal: c.StopSignal, Shell: c.Shell, Labels: c.Labels, OnBuild: c.OnBuild,
		Volumes: slices.Sorted(maps.Keys(c.Volumes)),
	}
	for port := range c.ExposedPorts {
		number, protocol, _ := strings.Cut(port, "/")
		n, err := strconv.ParseUint(number, 10, 16)
		switch {
		case err != nil || n == 0:
			return out, fmt.Errorf("the image exposes the port %q, which is none", port)
		case protocol == "" || protocol == "tcp":
			out.Expose = append(out.Expose, uint16(n))
		case protocol == "udp":
			out.ExposeUDP = append(out.ExposeUDP, uint16(n))
		default: // SCTP: no network here has it
		}
	}
	slices.Sort(out.Expose)
	slices.Sort(out.ExposeUDP)
	if h := c.Healthcheck; h != nil {
		out.Health = &image.Health{
			Test: h.Test, Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, Retries: h.Retries,
		}
	}
	return out, nil
}

// withLayers returns the configuration b with other DiffIDs: b itself where
// they are the same, else a document with all that b has besides.
func withLayers(b []byte, was, is []string) ([]byte, error) {
	if slices.Equal(was, is) {
		return b, nil
	}
	var f map[string]json.RawMessage
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, err
	}
	rootfs, err := json.Marshal(map[string]any{"type": "layers", "diff_ids": is})
	if err != nil {
		return nil, err
	}
	for k := range f { // encoding/json reads a field in any case
		if strings.EqualFold(k, "rootfs") {
			delete(f, k)
		}
	}
	f["rootfs"] = rootfs
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(f); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

// steps returns the history with each layer at its step. An image that doesn't
// tell which step made which layer has one without a text for each layer.
func (s settings) steps(size func(diffID string) int64) []History {
	withFiles := 0
	for _, h := range s.history {
		if !h.EmptyLayer {
			withFiles++
		}
	}
	if withFiles != len(s.diffIDs) {
		s.history = make([]v1.History, len(s.diffIDs))
	}
	steps := make([]History, 0, len(s.history))
	next := s.diffIDs
	for _, h := range s.history {
		step := History{Created: h.Created.UTC(), CreatedBy: h.CreatedBy, Comment: h.Comment}
		if !h.EmptyLayer {
			step.Layer, step.Size, next = next[0], size(next[0]), next[1:]
		}
		steps = append(steps, step)
	}
	return steps
}
