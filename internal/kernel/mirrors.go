package kernel

// Where kernels come from when no mirror is given: the only place in the
// product that names these servers.
const (
	// DefaultMirror holds NetBSD's releases: NetBSD-10.1/i386/binary/….
	DefaultMirror = "https://cdn.netbsd.org/pub/NetBSD"
	// DefaultArchive is asked for releases that are not, or no longer, there.
	DefaultArchive = "https://archive.netbsd.org/pub/NetBSD-archive"
	// DefaultDaily holds NetBSD's daily builds: netbsd-11/latest/….
	DefaultDaily = "https://nycdn.netbsd.org/pub/NetBSD-daily"
	// DefaultSmolMirror holds smolBSD's kernels, with .sha256 files beside.
	DefaultSmolMirror = "https://smolbsd.org/assets"
	// DefaultPkgsrc holds pkgsrc's binary packages: i386/10.1/All/….
	DefaultPkgsrc = "https://cdn.netbsd.org/pub/pkgsrc/packages/NetBSD"
)
