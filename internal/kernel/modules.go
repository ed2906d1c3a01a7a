package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// Modules that a Linux guest needs before it has its root disk and network.
// What they depend on is read from them.
var (
	neededModules = []string{"virtio_blk", "virtio_net", "ext4"}
	// busModules find the virtio devices; one of them is enough.
	busModules = []string{"virtio_pci", "virtio_mmio"}
	// wantedModules are used where they are.
	wantedModules = []string{"virtio_rng", "crc32c_generic"}
)

const maxModule = 64 << 20 // bytes of one unpacked module

// modInfo is what the .modinfo section of a module says (include/linux/module.h).
type modInfo struct {
	depends  []string // names of modules, with '_'
	vermagic string   // the kernel's release and options
}

// module is one that was read.
type module struct {
	name string // with '_'
	data []byte // unpacked
	modInfo
}

// readModInfo reads the NUL-separated key=value strings of a module.
func readModInfo(ko []byte) (modInfo, error) {
	f, err := openELF(bytes.NewReader(ko), int64(len(ko)))
	if err != nil {
		return modInfo{}, err
	}
	s, ok := f.section(".modinfo")
	if !ok {
		return modInfo{}, errors.New("not a kernel module: it has no .modinfo section")
	}
	b, err := f.read(s, maxNotes)
	if err != nil {
		return modInfo{}, err
	}
	var m modInfo
	for kv := range strings.SplitSeq(string(b), "\x00") {
		switch k, v, _ := strings.Cut(kv, "="); k {
		case "depends":
			for d := range strings.SplitSeq(v, ",") {
				if d != "" {
					m.depends = append(m.depends, moduleName(d))
				}
			}
		case "vermagic":
			m.vermagic = v
		}
	}
	return m, nil
}

// moduleName takes folder and suffix from a module's path. Files and the
// kernel differ in '-' and '_'.
func moduleName(p string) string {
	name, _, _ := strings.Cut(path.Base(p), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

// moduleSet finds modules in a bundle, and which are in the kernel itself.
type moduleSet struct {
	files   map[string]BundleFile
	builtin map[string]bool
}

func newModuleSet(files []BundleFile) (moduleSet, error) {
	m := moduleSet{files: map[string]BundleFile{}, builtin: map[string]bool{}}
	for _, f := range files {
		switch base := path.Base(f.Path); {
		case base == "modules.builtin":
			b, err := readBundleFile(f)
			if err != nil {
				return m, err
			}
			for p := range strings.FieldsSeq(string(b)) {
				m.builtin[moduleName(p)] = true
			}
		case isModule(base):
			if _, ok := m.files[moduleName(base)]; !ok {
				m.files[moduleName(base)] = f
			}
		}
	}
	return m, nil
}

func isModule(base string) bool {
	_, packing, ok := strings.Cut(base, ".ko")
	return ok && (packing == "" || packing == ".xz" || packing == ".zst" || packing == ".gz")
}

// loadOrder returns the modules of the guest, each after those it depends on.
func (m moduleSet) loadOrder() ([]module, error) {
	if !slices.ContainsFunc(busModules, m.has) {
		return nil, fmt.Errorf("no module %s, and none is built in (modules.builtin)", strings.Join(busModules, " or "))
	}
	names := slices.Concat(busModules, wantedModules)
	names = slices.DeleteFunc(names, func(n string) bool { return !m.has(n) })
	w := moduleWalk{set: m, state: map[string]int{}}
	for _, name := range slices.Concat(names, neededModules) {
		if err := w.visit(name, ""); err != nil {
			return nil, err
		}
	}
	return w.order, nil
}

func (m moduleSet) has(name string) bool {
	_, ok := m.files[name]
	return ok || m.builtin[name]
}

// moduleWalk is a depth-first walk of the dependencies.
type moduleWalk struct {
	set   moduleSet
	state map[string]int // walking or walked
	order []module
}

const (
	walking = 1 + iota
	walked
)

func (w *moduleWalk) visit(name, from string) error {
	if w.set.builtin[name] || w.state[name] == walked {
		return nil
	}
	if w.state[name] == walking {
		return fmt.Errorf("modules %s and %s depend on each other", from, name)
	}
	w.state[name] = walking
	f, ok := w.set.files[name]
	if !ok && from == "" {
		return fmt.Errorf("no module %s, and it is not built in (modules.builtin)", name)
	}
	if !ok {
		return fmt.Errorf("no module %s, which %s needs, and it is not built in (modules.builtin)", name, from)
	}
	data, err := readBundleFile(f)
	if err != nil {
		return err
	}
	info, err := readModInfo(data)
	if err != nil {
		return fmt.Errorf("module %s: %w", f.Path, err)
	}
	for _, d := range info.depends {
		if err := w.visit(d, name); err != nil {
			return err
		}
	}
	w.state[name] = walked
	w.order = append(w.order, module{name, data, info})
	return nil
}

// readBundleFile reads a file, unpacked where it is compressed.
func readBundleFile(f BundleFile) (_ []byte, err error) {
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", f.Path, err)
	}
	defer func() { err = both(err, r.Close()) }()
	var src io.Reader = r
	suffixes := map[string]string{".xz": "xz", ".zst": "zstd", ".gz": "gzip"}
	if name, ok := suffixes[path.Ext(f.Path)]; ok {
		b, err := unpack(r, name, 0)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		src = bytes.NewReader(b)
	}
	b, err := io.ReadAll(io.LimitReader(src, maxModule+1))
	if err == nil && len(b) > maxModule {
		err = fmt.Errorf("more than %d MiB", maxModule>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Path, err)
	}
	return b, nil
}
