package kernel

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/fakecracker/fakecracker/internal/spelling"
)

// A Remote is a kernel that can be fetched.
type Remote struct {
	Name string `json:"name"` // what Fetch takes: "netbsd-10.1-i386"
	OS   string `json:"os"`   // "netbsd" or "linux"
	Arch string `json:"arch"` // "i386" or "amd64"
	Text string `json:"text"` // what it is, in a few words
}

// Catalog returns the kernels that Fetch is known to find. It finds more:
// any netbsd-RELEASE-ARCH, and netbsd-BRANCH-ARCH for the daily build of a
// branch, each with -microvm after it for the MICROVM configuration.
func Catalog() []Remote {
	return []Remote{
		{"netbsd-11.0-i386", "netbsd", "i386", "NetBSD 11.0 GENERIC, for pc"},
		{"netbsd-11.0-amd64", "netbsd", "amd64", "NetBSD 11.0 GENERIC, for pc"},
		{"netbsd-11.0-amd64-microvm", "netbsd", "amd64", "NetBSD 11.0 MICROVM, for microvm"},
		{"netbsd-10.1-i386", "netbsd", "i386", "NetBSD 10.1 GENERIC, for pc"},
		{"netbsd-11-amd64-microvm", "netbsd", "amd64", "daily build of the NetBSD 11 branch, MICROVM"},
		{"smol-i386", "netbsd", "i386", "smolBSD's small kernel"},
		{"smol-amd64", "netbsd", "amd64", "smolBSD's small kernel"},
		{"linux", "linux", "amd64", "Debian's cloud kernel with its modules"},
	}
}

// Names returns the names of the Catalog.
func Names() []string {
	var names []string
	for _, r := range Catalog() {
		names = append(names, r.Name)
	}
	return names
}

// linuxName is the kernel whose fetch goes through Packages.
const linuxName = "linux"

// place is where a kernel's file and its checksum are.
type place struct {
	bases []string // addresses or folders, tried until one has it
	file  string   // below a base
	sums  string   // file with its checksum, below a base
}

// locate tells where the kernel of that name is.
func (o FetchOptions) locate(name string) (place, error) {
	smol := cmp.Or(o.SmolMirror, DefaultSmolMirror)
	switch name {
	case "smol-i386":
		return place{[]string{smol}, "netbsd-SMOL386", "netbsd-SMOL386.sha256"}, nil
	case "smol-amd64":
		return place{[]string{smol}, "netbsd-SMOL", "netbsd-SMOL.sha256"}, nil
	}
	words := strings.Split(name, "-")
	if !isNetBSDName(words) {
		return place{}, unknownRemote(name)
	}
	version, arch, config := words[1], words[2], "GENERIC"
	if len(words) == 4 {
		config = "MICROVM"
	}
	p := place{bases: []string{DefaultMirror, DefaultArchive}}
	folder := "NetBSD-" + version
	if !strings.Contains(version, ".") { // a branch
		p.bases, folder = []string{DefaultDaily}, "netbsd-"+version+"/latest"
	}
	if o.Mirror != "" {
		p.bases = []string{o.Mirror}
	}
	dir := path.Join(folder, arch, "binary/kernel")
	p.file, p.sums = dir+"/netbsd-"+config+".gz", dir+"/SHA512"
	return p, nil
}

// isNetBSDName reports whether the words are netbsd-VERSION-ARCH or
// netbsd-VERSION-ARCH-microvm.
func isNetBSDName(words []string) bool {
	if len(words) < 3 || len(words) > 4 || words[0] != "netbsd" || len(words) == 4 && words[3] != "microvm" {
		return false
	}
	numbers := strings.Split(words[1], ".")
	noNumber := func(s string) bool { return !madeOf(s, digits) }
	return len(numbers) <= 3 && !slices.ContainsFunc(numbers, noNumber) && (words[2] == "i386" || words[2] == "amd64")
}

func unknownRemote(name string) error {
	if near := spelling.Nearest(name, Names()); near != "" {
		return fmt.Errorf("%w of that name (did you mean %q?)", ErrUnknown, near)
	}
	return fmt.Errorf("%w of that name; known are %s, and other releases like them", ErrUnknown, strings.Join(Names(), ", "))
}
