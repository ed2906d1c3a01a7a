// Package arch_test holds the house: which room may import which, which
// modules are used, and that every package says what it is.
package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/fakecracker/fakecracker"

// rooms says what each package may import of ours, without its tests.
// ARCHITECTURE.md has the same table with the reasons.
var rooms = map[string][]string{
	"ffs": {},
	"qmp": {},

	"internal/accounts":    {"internal/db185", "internal/tree"},
	"internal/agent":       {"internal/agent/wire", "internal/atomicfile"},
	"internal/agent/gen":   {"internal/agent"},
	"internal/agent/guest": {"internal/agent/wire"},
	"internal/agent/wire":  {},
	"internal/archive":     {"internal/tree"},
	"internal/atomicfile":  {},
	"internal/build": {
		"internal/ship", "internal/source", "internal/tree", "internal/image", "internal/accounts", "internal/archive",
		"internal/atomicfile", "internal/fetch", "internal/makedev", "internal/pack",
	},
	"internal/buildvm": {
		"internal/agent", "internal/agent/wire", "internal/build", "internal/disk", "internal/image", "internal/instance", "internal/pack", "internal/ship",
		"internal/kernel", "internal/machine", "internal/machine/qemu", "internal/network", "internal/tree", "ffs",
	},
	"internal/copyout":      {"ffs"},
	"internal/db185":        {},
	"internal/disk":         {"internal/image", "internal/tree", "internal/atomicfile", "internal/partition", "ffs"},
	"internal/fetch":        {"internal/atomicfile"},
	"internal/image":        {"internal/tree"},
	"internal/image/store":  {"internal/archive", "internal/atomicfile", "internal/image", "internal/pack", "internal/spelling", "internal/tree", "internal/partition", "ffs"},
	"internal/initramfs":    {},
	"internal/kernel":       {"internal/atomicfile", "internal/fetch", "internal/spelling"},
	"internal/lock":         {"internal/atomicfile", "internal/source"},
	"internal/machine":      {},
	"internal/machine/qemu": {"internal/machine", "internal/atomicfile", "qmp"},
	"internal/makedev":      {"internal/tree", "internal/spelling"},
	"internal/makefs":       {"ffs", "internal/atomicfile", "internal/mtree", "internal/spelling"},
	"internal/mtree":        {"internal/spelling"},
	"internal/network":      {},
	"internal/pack":         {"internal/atomicfile", "internal/tree"},
	"internal/partition":    {},
	"internal/sbom":         {"internal/image", "internal/source", "internal/tree"},
	"internal/ship":         {"internal/image", "internal/spelling", "internal/tree"},
	"internal/source":       {"internal/tree"},
	"internal/source/debian": {
		"internal/accounts", "internal/archive", "internal/atomicfile", "internal/fetch", "internal/pack", "internal/source", "internal/spelling", "internal/tree",
		"internal/source/debian/repo",
	},
	"internal/source/debian/repo":          {"internal/archive", "internal/atomicfile", "internal/fetch", "internal/source", "internal/spelling", "internal/tree"},
	"internal/source/debian/repo/repotest": {},
	"internal/source/hostdir":              {"internal/source", "internal/tree"},
	"internal/source/netbsd":               {"internal/archive", "internal/atomicfile", "internal/fetch", "internal/pack", "internal/source", "internal/spelling", "internal/tree"},
	"internal/source/pkgsrc":               {"internal/accounts", "internal/archive", "internal/atomicfile", "internal/fetch", "internal/pack", "internal/source", "internal/spelling", "internal/tree"},
	"internal/spelling":                    {},
	"internal/tree":                        {},

	"internal/instance": {
		"internal/agent", "internal/agent/wire", "internal/atomicfile", "internal/disk", "internal/image",
		"internal/initramfs", "internal/kernel", "internal/machine", "internal/machine/qemu", "internal/network", "internal/tree",
	},
	"internal/cli": {"*"},

	"cmd/agent":       {"internal/agent/guest"},
	"cmd/fakecracker": {"internal/cli"},

	"bench/boot":             {"bench/samples"},
	"bench/ffs":              {"bench/samples", "ffs"},
	"bench/samples":          {},
	"bench/start":            {"bench/samples"},
	"examples":               {},
	"examples/go":            {},
	"examples/static":        {},
	"test":                   {"internal/cli", "test/mirror"},
	"test/ffs/guest":         {"test/ffs/trial"},
	"test/ffs/trial":         {},
	"test/mirror":            {},
	"test/mirror/gen":        {"test/mirror"},
	"test/userland":          {},
	"test/userland/services": {},
	"test/probe":             {},
}

// modules are the modules that the product and its tests may use directly.
var modules = []string{
	"github.com/Microsoft/hcsshim",           // ext4 images (tar2ext4)
	"github.com/ProtonMail/go-crypto",        // OpenPGP signatures of Debian archives and pkgsrc packages
	"github.com/google/go-cmp",               // tests
	"github.com/google/go-containerregistry", // OCI images and registries
	"github.com/klauspost/compress",          // gzip, zstd
	"github.com/moby/buildkit",               // Dockerfiles
	"github.com/moby/patternmatcher",         // .dockerignore
	"github.com/rogpeppe/go-internal",        // testscript
	"github.com/spf13/cobra",                 // commands
	"github.com/vbauerster/mpb/v8",           // progress bars
	"github.com/xi2/xz",                      // xz with the x86 filter that kernels are packed with
	"golang.org/x/sys",                       // system calls
	"golang.org/x/term",                      // raw terminals
	"gvisor.dev/gvisor",                      // the user-mode network
	"mvdan.cc/sh/v3",                         // sailor's .conf files are shell
}

// stdlibOnly are the packages that end up in the guest.
var stdlibOnly = []string{"internal/agent/wire", "internal/agent/guest", "cmd/agent"}

type source struct {
	dir     string // folder, from the root
	test    bool
	imports []string
	doc     bool
}

// sources parses every Go file of the main module.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || p == "tools" || p == "bin") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{
			dir:     filepath.ToSlash(filepath.Dir(p)),
			test:    strings.HasSuffix(p, "_test.go"),
			imports: importPaths(t, f),
			doc:     strings.HasPrefix(f.Doc.Text(), "Package ") || f.Name.Name == "main" && f.Doc.Text() != "",
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("found %d Go files: the test does not see the tree", len(all))
	}
	return all
}

func importPaths(t *testing.T, f *ast.File) []string {
	t.Helper()
	var paths []string
	for _, im := range f.Imports {
		p, err := strconv.Unquote(im.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	return paths
}

func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.dir == "." {
			continue
		}
		allowed, ok := rooms[s.dir]
		if !ok {
			t.Errorf("%s: not a room: add it to the table here and in ARCHITECTURE.md", s.dir)
			continue
		}
		for _, im := range s.imports {
			ours, isOurs := strings.CutPrefix(im, module+"/")
			if isOurs && !slices.Contains(allowed, ours) && !slices.Contains(allowed, "*") {
				t.Errorf("%s imports %s, which its row does not allow", s.dir, ours)
			}
		}
	}
}

func TestOnlyDecidedModules(t *testing.T) {
	for _, s := range sources(t) {
		for _, im := range s.imports {
			first, _, _ := strings.Cut(im, "/")
			if !strings.Contains(first, ".") || strings.HasPrefix(im, module) {
				continue
			}
			if !slices.ContainsFunc(modules, func(m string) bool { return im == m || strings.HasPrefix(im, m+"/") }) {
				t.Errorf("%s imports %s, of a module that was not decided on", s.dir, im)
			}
			if !s.test && slices.Contains(stdlibOnly, s.dir) {
				t.Errorf("%s imports %s: the guest's program is standard library only", s.dir, im)
			}
		}
	}
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	direct := regexp.MustCompile(`(?m)^\t(\S+) v\S+$`).FindAllStringSubmatch(string(mod), -1)
	if len(direct) == 0 {
		t.Fatal("go.mod: no direct requirement found")
	}
	for _, m := range direct {
		if !slices.Contains(modules, m[1]) {
			t.Errorf("go.mod requires %s directly: decide on it in the list here", m[1])
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test {
			documented[s.dir] = documented[s.dir] || s.doc
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment", dir)
		}
	}
}

func TestNoVagueNames(t *testing.T) {
	for _, s := range sources(t) {
		if slices.Contains([]string{"util", "utils", "common", "helpers", "types", "models"}, path.Base(s.dir)) {
			t.Errorf("%s: name the package by what it is", s.dir)
		}
	}
}
