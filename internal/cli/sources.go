package cli

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/internal/build"
	"github.com/fakecracker/fakecracker/internal/fetch"
	"github.com/fakecracker/fakecracker/internal/image"
	"github.com/fakecracker/fakecracker/internal/kernel"
	"github.com/fakecracker/fakecracker/internal/machine"
	"github.com/fakecracker/fakecracker/internal/source"
	"github.com/fakecracker/fakecracker/internal/source/debian/repo"
	"github.com/fakecracker/fakecracker/internal/source/hostdir"
	"github.com/fakecracker/fakecracker/internal/source/netbsd"
	"github.com/fakecracker/fakecracker/internal/source/pkgsrc"
	"github.com/fakecracker/fakecracker/internal/tree"
)

// defaultRelease is the NetBSD release that files come from where a ship does
// not name one.
const defaultRelease = "10.1"

// sourceFlags say where the files of ships come from.
type sourceFlags struct {
	mirror  string
	pkgsrc  string
	sysroot string
	prune   bool

	keyring    string // of pkgsrc's packages
	unverified bool
	packages   packageFlags
}

func (f *sourceFlags) declare(c *cobra.Command) {
	fl := c.Flags()
	fl.Var((*place)(&f.mirror), "mirror", serverUsage("mirror", "`ADDRESS` or folder of a NetBSD mirror (NetBSD-10.1/… is in it), for sets and kernels"))
	fl.Var((*place)(&f.pkgsrc), "pkgsrc", serverUsage("pkgsrc", "`ADDRESS` or folder of pkgsrc's binary packages (i386/10.1/All is in it)"))
	fl.StringVar(&f.keyring, "pkgsrc-keyring", "", "`FILE` of OpenPGP keys, by one of which all of pkgsrc's packages have to be signed")
	fl.BoolVar(&f.unverified, "allow-unverified", false, "take pkgsrc's packages by plain HTTP though nothing tells whether they are what was published")
	fl.Var((*place)(&f.sysroot), "sysroot", "take system files from this `FOLDER` of the host, as sailor does, not from a release's sets")
	fl.BoolVar(&f.prune, "prune", false, "leave out manual pages, headers, static libraries and translations")
	f.packages.declare(c)
}

// archiveFlags name an archive of Debian's packages, which is read without apt.
type archiveFlags struct{ repo.Source }

func (f *archiveFlags) declare(c *cobra.Command) {
	fl := c.Flags()
	fl.Var((*place)(&f.Base), "debian", serverUsage("debian", "`ADDRESS` or folder of a Debian archive (dists and pool are in it), in place of the host's apt sources"))
	fl.Var((*suites)(&f.Suites), "debian-suite", "`SUITE` of the archive, or several: bookworm,bookworm-security (default stable); bookworm:main+contrib for more than main")
	fl.StringVar(&f.Keyring, "debian-keyring", "", "`FILE` of the keys that the archive has to be signed with (default: Debian's, where this host has them)")
}

// source returns the archive, nil where none is named.
func (f archiveFlags) source() *repo.Source {
	if f.Base == "" && f.Suites == nil && f.Keyring == "" {
		return nil
	}
	return &f.Source
}

// A place is a flag of an address or a folder, which is the same one wherever
// the command is run.
type place string

// Set implements pflag.Value.
func (p *place) Set(text string) error {
	*p = place(text)
	if dir, local := fetch.LocalPath(text); local && text != "" {
		abs, err := filepath.Abs(dir)
		*p = place(abs)
		return err
	}
	return nil
}

// String implements pflag.Value.
func (p *place) String() string { return string(*p) }

// Type implements pflag.Value.
func (p *place) Type() string { return "ADDRESS" }

// suites are a flag that can be given many times.
type suites []repo.Suite

// Set implements pflag.Value.
func (s *suites) Set(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		suite, err := repo.ParseSuite(part)
		if err != nil {
			return err
		}
		*s = append(*s, suite)
	}
	return nil
}

// String implements pflag.Value.
func (s *suites) String() string { return "" }

// Type implements pflag.Value.
func (s *suites) Type() string { return "SUITE" }

// sources are where the files of one build come from.
type sources struct {
	*app
	flags   sourceFlags
	home    string
	status  *status
	release string
}

func (s *sources) progress(word string) func(string) {
	return func(text string) { s.status.pass(word, text) }
}

// client returns what gets files for the purpose, and tells how far it is.
func (s *sources) client(purpose, remedy string) *fetch.Client {
	d := &downloads{status: s.status}
	return &fetch.Client{Dir: filepath.Join(s.home, "cache", purpose), Remedy: remedy, Progress: d.report}
}

// catalog opens NetBSD's sets, or the folder that stands for them.
func (s *sources) catalog(ctx context.Context, g image.Guest, sets []string) (tree.Catalog, error) {
	if s.flags.sysroot != "" {
		return hostdir.Open(s.flags.sysroot)
	}
	return s.sets(g).Open(ctx, sets)
}

// sets are those of a NetBSD release.
func (s *sources) sets(g image.Guest) *netbsd.Source {
	src := &netbsd.Source{
		Mirrors: []string{kernel.DefaultMirror, kernel.DefaultArchive},
		Daily:   []string{kernel.DefaultDaily},
		Release: s.release, Arch: g.Arch,
		Dir:      filepath.Join(s.home, "cache/sets"),
		Client:   s.client("downloads", "use another --mirror, or --sysroot"),
		Observer: source.Observer{Logger: s.logger(), Progress: s.progress("sets")},
	}
	if m := s.flags.mirror; m != "" {
		src.Mirrors, src.Daily = []string{m}, []string{m, strings.TrimSuffix(m, "/NetBSD") + "/NetBSD-daily"}
	}
	return src
}

// system identifies the stock that catalog opens. The latest of daily builds
// may be another each time.
func (s *sources) system(g image.Guest) string {
	if s.flags.sysroot != "" {
		return s.flags.sysroot
	}
	if _, err := strconv.ParseFloat(s.release, 64); err != nil {
		return time.Now().String()
	}
	return strings.Join([]string{s.release, s.flags.mirror, s.sets(g).FolderState()}, " ")
}

// packages returns the source of packages for the guest.
func (s *sources) packages(g image.Guest) build.PackageSource {
	if g.OS == machine.Linux {
		return s.debian(s.home, s.flags.packages, s.status)
	}
	mach := map[string]string{"amd64": "x86_64"}[g.Arch]
	if mach == "" {
		mach = g.Arch
	}
	base := s.flags.pkgsrc
	if base == "" {
		base = kernel.DefaultPkgsrc
	}
	return pkgsrcPackages{&pkgsrc.Source{
		Mirror: strings.TrimSuffix(base, "/") + "/" + mach + "/" + s.release + "/All",
		OS:     "NetBSD", Arch: g.Arch, Release: s.release,
		Dir:     filepath.Join(s.home, "cache/pkgsrc"),
		Keyring: s.flags.keyring, AllowUnverified: s.flags.unverified,
		Client:   s.client("pkgsrc/downloads", "use another --pkgsrc"),
		Offline:  s.flags.packages.offline,
		Refresh:  s.flags.packages.refresh,
		Time:     s.sourceDate(),
		Observer: source.Observer{Logger: s.logger(), Progress: s.progress("packages")},
	}}
}

// pkgsrcPackages installs packages as pkg_add(1) does: onto the files that
// are there by then.
type pkgsrcPackages struct{ *pkgsrc.Source }

// Packages implements build.PackageSource.
func (p pkgsrcPackages) Packages(ctx context.Context, names []string) (tree.Tree, source.Report, error) {
	in, err := p.Install(ctx, names)
	if err != nil {
		return tree.Tree{}, source.Report{}, err
	}
	in.Report.Finish = in.Apply
	return tree.Tree{}, in.Report, nil
}
