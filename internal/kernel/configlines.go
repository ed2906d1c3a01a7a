package kernel

// A configLine is a statement of a kernel configuration (config(5)).
type configLine struct {
	text    string // the statement: `options MULTIBOOT`
	why     string // the reason, put behind it
	arch    string // only for this one; "" for both
	feature string // only with this feature; "" always
	without string // only without this feature
	instead string // the feature that does its work where a tree lacks it
	// used is a source file below sys/ that reads the option. Such options
	// are in no files.* file: config(1) passes them to the compiler as they
	// are, so it is the source that has to know them.
	used string
}

// A configGroup is lines on one subject.
type configGroup struct {
	subject string
	lines   []configLine
}

// A Feature can be asked for by ConfigOptions.With.
type Feature struct {
	Name  string   `json:"name"`
	Text  string   `json:"text"`
	needs []string // other features
}

// Features returns what a configuration can have beside the minimum.
func Features() []Feature {
	return []Feature{
		{"9p", "folders of the host", []string{"puffs"}},
		{"acpi", "power button, power off, more processors", []string{"pci"}}, // amd64's does not link without PCI
		{"balloon", "memory given back to the host", nil},
		{"bpf", "packet capture: tcpdump, dhcpcd", nil},
		{"bridge", "Ethernet bridges, with tap interfaces", nil},
		{"cd9660", "CD images", nil},
		{"clockctl", "the clock set by other users than root, as ntpd does", nil},
		{"ddb", "the kernel debugger", nil},
		{"ext2fs", "Linux ext2 disks, as smolBSD makes them", nil},
		{"fwcfg", "QEMU's fw_cfg values and files", []string{"acpi"}},
		{"gpt", "partitions by name, as smolBSD has its root", nil},
		{"ipv6", "IPv6", nil},
		{"kernfs", "/kern", nil},
		{"ktrace", "ktrace(1)", nil},
		{"log", "FFS journals", nil},
		{"md", "disks in memory", nil},
		{"msdosfs", "FAT disks", nil},
		{"nfs", "NFS client", nil},
		{"nullfs", "folders in two places", nil},
		{"pci", "virtio over PCI, for the pc machine", nil},
		{"procfs", "/proc", nil},
		{"puffs", "file systems in user programs", nil},
		{"sysv", "System V shared memory, semaphores and messages: databases; without it semget kills a program by SIGSYS", nil},
		{"tmpfs", "file systems in memory", nil},
		{"tun", "tun interfaces", nil},
		{"viocon", "virtio console and serial ports", nil},
		{"vmgenid", "notice of being a clone (NetBSD 11)", []string{"acpi"}},
		{"vnd", "disks in files", nil},
	}
}

// configGroups is the minimal configuration and what features add, in the
// order in which it is written.
func configGroups() []configGroup {
	return []configGroup{
		startLines(), processorLines(), consoleLines(), busLines(),
		diskLines(), networkLines(), programLines(), debugLines(),
	}
}

func startLines() configGroup {
	return configGroup{"Size, and what makes it a kernel", []configLine{
		{text: `include "arch/i386/conf/std.i386"`, why: "what every i386 kernel must have", arch: "i386"},
		{text: `include "arch/amd64/conf/std.amd64"`, why: "what every amd64 kernel must have", arch: "amd64"},
		{text: `makeoptions COPTS="-Os"`, why: "small code: less to load, less memory", without: "ddb"},
		{text: `makeoptions COPTS="-Os -fno-omit-frame-pointer"`, why: "small code that the debugger can trace", feature: "ddb"},
		{text: `makeoptions COPY_SYMTAB=1`, why: "names in traces", feature: "ddb"},
		{text: `makeoptions USE_SSP="no"`, why: "no stack canaries: smaller, and one service is all that runs"},
		{text: `maxusers 8`, why: "sizes tables; raise kern.maxfiles and kern.maxproc for a busy service"},
		{text: `options INCLUDE_CONFIG_FILE`, why: "fakecracker kernel inspect reads it back"},
		{text: `config netbsd root on ? type ?`, why: "the root disk is named on the command line: root=ld0a"},
	}}
}

func processorLines() configGroup {
	return configGroup{"How QEMU enters it, and what it finds the processors by", []configLine{
		{text: `options MULTIBOOT`, why: "QEMU's -kernel starts i386 through it, without a boot loader", arch: "i386"},
		{text: `options XENPVHVM`, why: "brings the PVH entry that QEMU's -kernel jumps to", arch: "amd64"},
		{text: `options XEN`, why: "the part of Xen's code that PVH shares", arch: "amd64"},
		{text: `hypervisor* at mainbus?`, why: "the code behind XENPVHVM", arch: "amd64"},
		{text: `xenbus* at hypervisor?`, why: "the code behind XENPVHVM", arch: "amd64"},
		{text: `xencons* at hypervisor?`, why: "the code behind XENPVHVM", arch: "amd64"},
		{text: `options MPBIOS`, why: "processors and interrupts without ACPI, from QEMU's tables", arch: "amd64"}, // std.i386 has it
		{
			text: `options MPTABLE_LINUX_BUG_COMPAT`, why: "finds the table where QEMU's microvm and Firecracker put it (NetBSD 11)",
			arch: "amd64", used: "arch/x86/x86/mpbios.c", instead: "acpi",
		},
		{text: `options RTC_OFFSET=0`, why: "the machine's clock is UTC"},
		{text: `acpi0 at mainbus0`, why: "ACPI tables", feature: "acpi"},
		{text: `acpibut* at acpi?`, why: "the power button, on pc", feature: "acpi"},
		{text: `acpivmgenid* at acpi?`, why: "new random numbers in each clone", feature: "vmgenid"},
		{text: `qemufwcfg* at acpi?`, why: "/dev/qemufwcfg", feature: "fwcfg"},
	}}
}

func consoleLines() configGroup {
	return configGroup{"Console", []configLine{
		{text: `options CONSDEVNAME="\"com\""`, why: "the serial port that QEMU shows, not a screen", used: "arch/x86/x86/consinit.c"},
		{text: `options CONS_OVERRIDE`, why: "whatever a boot loader says", used: "arch/x86/x86/consinit.c"},
		{text: `isa0 at mainbus?`, why: "the bus of the serial port"},
		{text: `com0 at isa? port 0x3f8 irq 4`, why: "the serial port"},
		{text: `pseudo-device pty`, why: "terminals for shells (/dev/pts, /dev/ptmx)"},
		{text: `file-system PTYFS`, why: "terminals for shells (/dev/pts, /dev/ptmx)"},
	}}
}

func busLines() configGroup {
	return configGroup{"Virtio", []configLine{
		{text: `pci* at mainbus? bus ?`, why: "the pc machine's virtio devices are on PCI", arch: "i386"},
		{text: `virtio* at pci? dev ? function ?`, why: "virtio over PCI", arch: "i386"},
		{text: `pv* at pvbus?`, why: "the bus of a machine without PCI", arch: "amd64"},
		{text: `virtio* at pv?`, why: "virtio over MMIO, by the command line's virtio_mmio.device words (NetBSD 11)", arch: "amd64"},
		{text: `pci* at mainbus? bus ?`, why: "PCI", arch: "amd64", feature: "pci"},
		{text: `virtio* at pci? dev ? function ?`, why: "virtio over PCI", arch: "amd64", feature: "pci"},
		{text: `viornd* at virtio?`, why: "random numbers from the host: no wait for entropy"},
		{text: `viocon* at virtio?`, why: "virtio console", feature: "viocon"},
		{text: `viomb* at virtio?`, why: "memory balloon", feature: "balloon"},
		{text: `vio9p* at virtio?`, why: "9P to the host", feature: "9p"},
	}}
}

func diskLines() configGroup {
	return configGroup{"Disks and file systems", []configLine{
		{text: `ld* at virtio?`, why: "virtio disk; ld0 is the root, ld1 the configuration"},
		{text: `file-system FFS`, why: "the root"},
		{text: `options FFS_NO_SNAPSHOT`, why: "nobody takes file system snapshots in it"},
		{text: `options WAPBL`, why: "mount -o log", feature: "log"},
		{text: `file-system TMPFS`, why: "mount_tmpfs", feature: "tmpfs"},
		{text: `file-system KERNFS`, why: "mount_kernfs", feature: "kernfs"},
		{text: `file-system PROCFS`, why: "mount_procfs", feature: "procfs"},
		{text: `file-system NULLFS`, why: "mount_null", feature: "nullfs"},
		{text: `file-system EXT2FS`, why: "mount_ext2fs", feature: "ext2fs"},
		{text: `file-system MSDOSFS`, why: "mount_msdos", feature: "msdosfs"},
		{text: `file-system CD9660`, why: "mount_cd9660", feature: "cd9660"},
		{text: `file-system NFS`, why: "mount_nfs", feature: "nfs"},
		{text: `file-system PUFFS`, why: "file systems in user programs", feature: "puffs"},
		{text: `pseudo-device putter`, why: "puffs speaks through it", feature: "puffs"},
		{text: `options DKWEDGE_AUTODISCOVER`, why: "partitions become dk devices", feature: "gpt"},
		{text: `options DKWEDGE_METHOD_GPT`, why: "of GPT disks: root=NAME=...", feature: "gpt"},
		{text: `pseudo-device md`, why: "memory disks", feature: "md"},
		{text: `pseudo-device vnd`, why: "disks in files", feature: "vnd"},
	}}
}

func networkLines() configGroup {
	return configGroup{"Network", []configLine{
		{text: `options INET`, why: "IP, TCP, UDP"},
		{text: `options INET6`, why: "IPv6", feature: "ipv6"},
		{text: `vioif* at virtio?`, why: "virtio network interface"},
		{text: `pseudo-device loop`, why: "127.0.0.1"},
		{text: `pseudo-device bpfilter`, why: "packet capture", feature: "bpf"},
		{text: `pseudo-device tun`, why: "tun interfaces", feature: "tun"},
		{text: `pseudo-device bridge`, why: "Ethernet bridges", feature: "bridge"},
		{text: `pseudo-device tap`, why: "tap interfaces", feature: "bridge"},
	}}
}

func programLines() configGroup {
	return configGroup{"For programs", []configLine{
		{text: `include "conf/compat_netbsd90.config"`, why: "runs what was built for NetBSD 9 and later, as Go programs are"},
		{text: `options SYSVMSG`, why: "System V messages", feature: "sysv"},
		{text: `options SYSVSEM`, why: "System V semaphores", feature: "sysv"},
		{text: `options SYSVSHM`, why: "System V shared memory", feature: "sysv"},
		{text: `options KTRACE`, why: "ktrace(1)", feature: "ktrace"},
		{text: `pseudo-device clockctl`, why: "/dev/clockctl: ntpd without root", feature: "clockctl"},
	}}
}

func debugLines() configGroup {
	return configGroup{"Faults", []configLine{
		{text: `pseudo-device ksyms`, why: "MULTIBOOT's code does not link without it", arch: "i386"},
		{text: `pseudo-device ksyms`, why: "names for the debugger", arch: "amd64", feature: "ddb"},
		{text: `options DDB`, why: "the debugger's prompt at a panic, where a machine then stays", feature: "ddb"},
	}}
}
