package kernel

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/spelling"
)

// ConfigOptions say what a kernel configuration is for.
type ConfigOptions struct {
	Arch string   // "i386" (Multiboot, virtio over PCI) or "amd64" (PVH, virtio over MMIO)
	With []string // names of Features
	Src  string   // NetBSD source tree; "": nothing is left out
}

// ConfigReport tells what became of a configuration.
type ConfigReport struct {
	LeftOut  []LeftOut `json:"leftOut,omitempty"`  // lines that the source tree does not know
	Problems []string  `json:"problems,omitempty"` // why the kernel would not boot, in Info's words
}

// LeftOut is a line that is not in a configuration.
type LeftOut struct {
	Line string `json:"line"`
	Why  string `json:"why"` // what the tree does not declare
}

// Config writes a minimal kernel configuration, each line with its reason.
// With a source tree, it has only what that tree declares; the others are
// comments in it and in the report.
func Config(w io.Writer, o ConfigOptions) (ConfigReport, error) {
	c, err := newConfigWriter(o)
	if err != nil {
		return ConfigReport{}, fmt.Errorf("kernel configuration: %w", err)
	}
	for _, g := range configGroups() {
		c.group(g)
	}
	c.conclude()
	if _, err := w.Write(c.out.Bytes()); err != nil {
		return c.report, fmt.Errorf("write the kernel configuration: %w", err)
	}
	return c.report, nil
}

// configWriter writes one configuration.
type configWriter struct {
	arch     string
	features []string
	tree     *declarations // nil: none
	devices  []string      // written or in std.ARCH
	lines    []string      // written, without reasons
	out      bytes.Buffer
	report   ConfigReport
}

func newConfigWriter(o ConfigOptions) (*configWriter, error) {
	if o.Arch != "i386" && o.Arch != "amd64" {
		return nil, fmt.Errorf("architecture %q: only i386 and amd64 are supported", o.Arch)
	}
	c := &configWriter{arch: o.Arch, devices: []string{"mainbus"}}
	if err := c.with(o.With); err != nil {
		return nil, err
	}
	if o.Src != "" {
		var err error
		if c.tree, err = readDeclarations(o.Src, o.Arch); err != nil {
			return nil, err
		}
		for _, a := range c.tree.std.attachments {
			dev, _, _ := strings.Cut(a, " at ")
			c.devices = append(c.devices, dev)
		}
	}
	c.header(o)
	return c, nil
}

// with adds features and those they need.
func (c *configWriter) with(names []string) error {
	all := Features()
	for _, name := range names {
		if name == "ptyfs" {
			continue // a feature once; in the minimum now
		}
		n := slices.IndexFunc(all, func(f Feature) bool { return f.Name == name })
		if n < 0 {
			return unknownFeature(name, all)
		}
		if !slices.Contains(c.features, name) {
			c.features = append(c.features, name)
			if err := c.with(all[n].needs); err != nil {
				return err
			}
		}
	}
	return nil
}

func unknownFeature(name string, all []Feature) error {
	var names []string
	for _, f := range all {
		names = append(names, f.Name)
	}
	if near := spelling.Nearest(name, names); near != "" {
		return fmt.Errorf("no feature %q (did you mean %q?)", name, near)
	}
	return fmt.Errorf("no feature %q; known are %s", name, strings.Join(names, ", "))
}

func (c *configWriter) header(o ConfigOptions) {
	fmt.Fprintf(&c.out, "# A small NetBSD/%s kernel for a microVM, by: fakecracker kernel config --arch %s", c.arch, c.arch)
	if len(o.With) > 0 {
		fmt.Fprintf(&c.out, " --with %s", strings.Join(o.With, ","))
	}
	c.out.WriteByte('\n')
}

func (c *configWriter) group(g configGroup) {
	title := false
	for _, l := range g.lines {
		if !c.wants(l) {
			continue
		}
		if !title {
			fmt.Fprintf(&c.out, "\n# %s\n", g.subject)
			title = true
		}
		c.line(l)
	}
}

// wants reports whether a line is for this machine and its features.
func (c *configWriter) wants(l configLine) bool {
	return (l.arch == "" || l.arch == c.arch) &&
		(l.feature == "" || slices.Contains(c.features, l.feature)) &&
		(l.without == "" || !slices.Contains(c.features, l.without))
}

// line writes a statement, or why it is not there.
func (c *configWriter) line(l configLine) {
	missing, already := c.check(l)
	switch {
	case missing != "":
		missing += c.instead(l)
		c.report.LeftOut = append(c.report.LeftOut, LeftOut{l.text, missing})
		fmt.Fprintf(&c.out, "# left out: %s (%s)\n", l.text, missing)
	case already:
		fmt.Fprintf(&c.out, "# in std.%s: %s\n", c.arch, l.text)
	default:
		c.lines = append(c.lines, l.text)
		if dev, _, ok := strings.Cut(l.text, " at "); ok {
			c.devices = append(c.devices, baseName(dev))
		}
		fmt.Fprintf(&c.out, "%-40s # %s\n", l.text, l.why)
	}
}

// instead adds the feature that does the work of a line the tree lacks. The
// feature's lines stand below that one.
func (c *configWriter) instead(l configLine) string {
	// It is one of Features, which TestConfigReasons checks.
	if l.instead == "" || c.with([]string{l.instead}) != nil {
		return ""
	}
	return "; " + l.instead + " instead"
}

// check tells what the tree lacks for a line, or that std.ARCH has it.
func (c *configWriter) check(l configLine) (missing string, already bool) {
	if c.tree == nil {
		return "", false
	}
	words := strings.Fields(l.text)
	name, _, _ := strings.Cut(words[1], "=")
	switch {
	case words[0] == "include":
		return missingUnless(c.tree.exists(strings.Trim(words[1], `"`)), "no such file in this tree"), false
	case words[0] == "options" && l.used != "":
		return c.checkUse(name, l.used), false
	case words[0] == "options":
		_, on := c.tree.std.options[name]
		return missingUnless(on || c.tree.options[name], "no files.* of this tree declares the option"), on
	case words[0] == "file-system":
		return missingUnless(c.tree.fs[name], "no files.* of this tree declares the file system"), false
	case words[0] == "pseudo-device":
		return missingUnless(c.tree.pseudo[name], "no files.* of this tree declares the device"), false
	case words[1] == "at":
		return c.checkDevice(baseName(words[0]), baseName(words[2])), false
	}
	return "", false
}

func missingUnless(ok bool, why string) string {
	if ok {
		return ""
	}
	return why
}

// checkUse looks for an undeclared option in the source that reads it.
func (c *configWriter) checkUse(option, file string) string {
	b, err := c.tree.file(file)
	if err == nil && bytes.Contains(b, []byte(option)) {
		return ""
	}
	return fmt.Sprintf("sys/%s of this tree does not know it", file)
}

// checkDevice asks for an attachment of dev at parent, and for a parent.
func (c *configWriter) checkDevice(dev, parent string) string {
	if !c.tree.attaches(dev, parent) {
		return fmt.Sprintf("no files.* of this tree attaches %s at %s", dev, parent)
	}
	for _, d := range c.devices {
		if c.tree.has(d, parent, map[string]bool{}) {
			return ""
		}
	}
	return fmt.Sprintf("there is no %s in this configuration", parent)
}

// conclude judges the configuration as Inspect would the kernel.
func (c *configWriter) conclude() {
	facts := parseConfig(c.lines)
	i := Info{OS: "netbsd", Arch: c.arch}
	if _, ok := facts.options["MULTIBOOT"]; ok {
		i.Boot = append(i.Boot, BootMultiboot)
	}
	if _, ok := facts.options["XENPVHVM"]; ok {
		i.Boot = append(i.Boot, BootPVH)
	}
	i.fromConfig(facts)
	if i.Has(ComISA) {
		i.Consoles = append(i.Consoles, "com")
	}
	i.conclude()
	c.report.Problems = i.Problems
	for _, p := range i.Problems {
		fmt.Fprintf(&c.out, "\n# This kernel would not do: %s\n", p)
	}
}
