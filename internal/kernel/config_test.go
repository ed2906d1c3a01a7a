package kernel

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

func TestConfigGolden(t *testing.T) {
	var all []string
	for _, f := range Features() {
		all = append(all, f.Name)
	}
	tests := []struct {
		name string
		o    ConfigOptions
	}{
		{"config-i386", ConfigOptions{Arch: "i386"}},
		{"config-amd64", ConfigOptions{Arch: "amd64"}},
		{"config-i386-all", ConfigOptions{Arch: "i386", With: all}},
		{"config-amd64-9p", ConfigOptions{Arch: "amd64", With: []string{"9p", "vmgenid"}}},
		{"config-i386-tree", ConfigOptions{Arch: "i386", With: []string{"acpi", "nfs", "tmpfs", "viocon"}, Src: configTree(t)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			r, err := Config(&b, tt.o)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Problems) > 0 {
				t.Errorf("Problems = %q", r.Problems)
			}
			golden := filepath.Join("testdata", tt.name)
			if *update {
				if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestConfigReasons checks that no line stands without a reason.
func TestConfigReasons(t *testing.T) {
	features := map[string]bool{"": true}
	for _, f := range Features() {
		features[f.Name] = true
	}
	used := map[string]bool{"": true}
	for _, g := range configGroups() {
		for _, l := range g.lines {
			if l.why == "" || strings.Contains(l.text, "#") {
				t.Errorf("%q has no reason, or a comment", l.text)
			}
			for _, name := range []string{l.feature, l.without, l.instead} {
				if !features[name] {
					t.Errorf("%q is for the feature %q, which there is not", l.text, name)
				}
			}
			used[l.feature] = true
		}
	}
	if diff := cmp.Diff(features, used); diff != "" {
		t.Errorf("features without lines: -features +used\n%s", diff)
	}
}

// configTree writes a small tree of our own that lacks some things.
func configTree(t *testing.T) string {
	t.Helper()
	src := t.TempDir()
	writeTree(t, src, map[string]string{
		"conf/files": `
# what all machines share
defflag	opt_config.h	INCLUDE_CONFIG_FILE
			INCLUDE_JUST_CONFIG	# on a second line
defparam RTC_OFFSET=0
defflag opt_inet.h INET, INET6
obsolete defflag KTRACE
deffs FFS TMPFS PTYFS
defflag FFS_NO_SNAPSHOT: ffs
define pcibus {[bus = -1]}
define isabus {}
define com_common
device virtio {}
device com: tty, com_common
device ld: disk
defpseudo pty: tty
defpseudodev loop: ifnet
defpseudo ksyms
include "dev/files.virtio"
include "dev/nothere/files.none"
`,
		"dev/files.virtio": `
device pci {[dev = -1], [function = -1]}
attach pci at pcibus
attach virtio at pci with virtio_pci
attach ld at virtio with ld_virtio
device vioif: ifnet
attach vioif at virtio
include "dev/files.virtio"
`,
		"arch/i386/conf/files.i386": `
defflag opt_multiboot.h MULTIBOOT
device mainbus: x86bus,
	isabus
attach mainbus at root
define x86bus: pcibus
device isa {[port = -1]}
attach isa at isabus
attach com at isa with com_isa
`,
		"arch/x86/conf/files.x86":        "defflag MPBIOS\n",
		"arch/i386/conf/std.i386":        "machine i386 x86 xen\noptions RTC_OFFSET=0 # here\nmainbus0 at root\n",
		"arch/x86/x86/consinit.c":        "#ifndef CONSDEVNAME\n#endif\n",
		"conf/compat_netbsd90.config":    "",
		"arch/amd64/conf/std.amd64.orig": "",
	})
	return src
}

func writeTree(t *testing.T, src string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(src, "sys", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConfigLeavesOut(t *testing.T) {
	r, err := Config(&bytes.Buffer{}, ConfigOptions{Arch: "i386", With: []string{"nfs", "acpi", "ktrace", "clockctl", "ptyfs"}, Src: configTree(t)})
	if err != nil {
		t.Fatal(err)
	}
	want := []LeftOut{
		{"acpi0 at mainbus0", "no files.* of this tree attaches acpi at mainbus"},
		{"acpibut* at acpi?", "no files.* of this tree attaches acpibut at acpi"},
		{"options CONS_OVERRIDE", "sys/arch/x86/x86/consinit.c of this tree does not know it"},
		{"viornd* at virtio?", "no files.* of this tree attaches viornd at virtio"},
		{"file-system NFS", "no files.* of this tree declares the file system"},
		{"options KTRACE", "no files.* of this tree declares the option"},
		{"pseudo-device clockctl", "no files.* of this tree declares the device"},
	}
	if diff := cmp.Diff(want, r.LeftOut); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestConfigInstead checks what amd64 finds its processors by where the tree
// does not know MPTABLE_LINUX_BUG_COMPAT, and that both kinds of kernel are
// taken to boot on microvm.
func TestConfigInstead(t *testing.T) {
	tests := []struct {
		name, mpbios string
		why          string
		acpi         bool
	}{
		{"unknown", "", "sys/arch/x86/x86/mpbios.c of this tree does not know it; acpi instead", true},
		{"known", "#ifdef MPTABLE_LINUX_BUG_COMPAT\n", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := configTree(t)
			writeTree(t, src, map[string]string{
				"arch/amd64/conf/std.amd64": "machine amd64 x86\nmainbus0 at root\n",
				"arch/amd64/conf/files.amd64": `
device mainbus: pcibus, acpibus, pvbus
attach mainbus at root
define acpibus {}
device acpi: pcibus
attach acpi at acpibus
device pvbus
attach pvbus at pvbus
device pv {}
attach pv at pvbus
attach virtio at pv with mmio_cmdline
`,
				"arch/x86/conf/files.x86": "defflag MPBIOS XENPVHVM XEN\n",
				"arch/x86/x86/mpbios.c":   tt.mpbios,
			})
			var b bytes.Buffer
			r, err := Config(&b, ConfigOptions{Arch: "amd64", Src: src})
			if err != nil {
				t.Fatal(err)
			}
			why := ""
			for _, l := range r.LeftOut {
				if l.Line == "options MPTABLE_LINUX_BUG_COMPAT" {
					why = l.Why
				}
			}
			if why != tt.why {
				t.Errorf("left out as %q, want %q", why, tt.why)
			}
			for _, line := range []string{"acpi0 at mainbus0", "pci* at mainbus? bus ?", "virtio* at pci? dev ? function ?"} {
				if got := strings.Contains(b.String(), "\n"+line); got != tt.acpi {
					t.Errorf("%q is there: %v, want %v\n%s", line, got, tt.acpi, b.String())
				}
			}
		})
	}
}

// TestMPTable is about amd64 kernels without ACPI.
func TestMPTable(t *testing.T) {
	const unfound = `NetBSD/amd64 11.0_BETA: does not find the processors: neither "acpi at mainbus" nor options MPTABLE_LINUX_BUG_COMPAT is in it `
	base := []string{"options CONSDEVNAME=com", "com0 at isa?", "file-system FFS", "virtio* at pv?", "ld* at virtio?", "vioif* at virtio?"}
	pci := "virtio* at pci? dev ? function ?"
	tests := []struct {
		name     string
		lines    []string
		microvm  string // why not there; "": it boots
		pc       string
		problems int
	}{
		{
			"neither", nil, unfound + `(add "acpi0 at mainbus0" to its configuration)`,
			`NetBSD/amd64 11.0_BETA: no virtio over PCI: "virtio at pci" is not in it (add "virtio* at pci? dev ? function ?" to its configuration)`, 2,
		},
		{"option", []string{"options MPTABLE_LINUX_BUG_COMPAT"}, "", `NetBSD/amd64 11.0_BETA: no virtio over PCI: "virtio at pci" is not in it (it boots on microvm)`, 0},
		{"pci", []string{pci}, unfound + "(it boots on pc)", "", 0},
		{"acpi", []string{"acpi0 at mainbus0", pci}, "", "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := netbsdAMD64()
			k.symbols = nil
			k.data += embed(append(tt.lines, base...)...)
			i := inspectBytes(t, k.build())
			for machine, want := range map[string]string{"microvm": tt.microvm, "pc": tt.pc} {
				got := ""
				if err := i.CanBoot(machine); err != nil {
					got = err.Error()
				}
				if got != want {
					t.Errorf("CanBoot(%s)\n got %s\nwant %s", machine, got, want)
				}
			}
			if len(i.Problems) != tt.problems {
				t.Errorf("Problems = %q, want %d", i.Problems, tt.problems)
			}
		})
	}
}

func TestConfigProblems(t *testing.T) {
	src := configTree(t)
	if err := os.WriteFile(filepath.Join(src, "sys", "dev", "files.virtio"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	r, err := Config(&b, ConfigOptions{Arch: "i386", Src: src})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`no virtio bus driver: "virtio at pci" is not in it`,
		`no virtio disk driver: "ld at virtio" is not in it`,
		`no virtio network driver: "vioif at virtio" is not in it`,
	}
	if diff := cmp.Diff(want, r.Problems); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if !strings.Contains(b.String(), "# This kernel would not do: "+want[0]) {
		t.Errorf("the configuration does not say so:\n%s", b.String())
	}
}

func TestConfigErrors(t *testing.T) {
	tests := []struct {
		name string
		o    ConfigOptions
		want string
	}{
		{"architecture", ConfigOptions{Arch: "arm"}, `kernel configuration: architecture "arm": only i386 and amd64 are supported`},
		{"typo", ConfigOptions{Arch: "i386", With: []string{"ipv5"}}, `kernel configuration: no feature "ipv5" (did you mean "ipv6"?)`},
		{"feature", ConfigOptions{Arch: "i386", With: []string{"bluetooth"}}, `no feature "bluetooth"; known are 9p, acpi, `},
		{"no tree", ConfigOptions{Arch: "i386", Src: "/etc"}, "/etc: not a NetBSD source tree: sys/conf/files or sys/arch/i386/conf/std.i386 is missing"},
		{"another machine's", ConfigOptions{Arch: "amd64", Src: configTree(t)}, "sys/arch/amd64/conf/std.amd64 is missing"},
	}
	for _, tt := range tests {
		var b bytes.Buffer
		_, err := Config(&b, tt.o)
		if err == nil || !strings.Contains(err.Error(), tt.want) || b.Len() > 0 {
			t.Errorf("%s: Config = %v with %d bytes, want %s", tt.name, err, b.Len(), tt.want)
		}
	}
	if _, err := Config(&bytes.Buffer{}, ConfigOptions{Arch: "i386", Src: "/etc"}); !errors.Is(err, ErrNoTree) {
		t.Errorf("%v does not wrap ErrNoTree", err)
	}
}

// TestConfigRealTree tries the tree in FAKECRACKER_NETBSD_SRC.
func TestConfigRealTree(t *testing.T) {
	src := os.Getenv("FAKECRACKER_NETBSD_SRC")
	if src == "" {
		t.Skip("FAKECRACKER_NETBSD_SRC names no source tree")
	}
	for _, o := range []ConfigOptions{{Arch: "i386"}, {Arch: "amd64", With: []string{"pci"}}} {
		var b bytes.Buffer
		o.Src = src
		r, err := Config(&b, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: left out %v", o.Arch, r.LeftOut)
		if len(r.Problems) > 0 {
			t.Errorf("%s: %q\n%s", o.Arch, r.Problems, b.String())
		}
	}
}

func FuzzDeclarations(f *testing.F) {
	f.Add("defflag opt_x.h A B\n\tC: d\ndevice a {[b = -1]}: c\nattach a at c with d\nprefix x\nprefix\n")
	f.Fuzz(func(t *testing.T, text string) {
		d := &declarations{
			sys:     t.TempDir(),
			options: map[string]bool{}, fs: map[string]bool{}, pseudo: map[string]bool{},
			attrs: map[string][]string{}, attach: map[string][]string{}, read: map[string]bool{},
			std: configFacts{options: map[string]string{}},
		}
		for _, line := range logicalLines(text) {
			// Files that it includes are not there.
			if err := d.statement(line, 0); err != nil && !strings.Contains(text, "include") {
				t.Errorf("statement(%q) = %v", line, err)
			}
		}
		for dev := range d.attach {
			d.attaches(dev, "root")
		}
	})
}

func FuzzParseConfig(f *testing.F) {
	f.Add(`options A="b # c", D\011`)
	f.Add("no ld* at virtio?")
	f.Fuzz(func(t *testing.T, line string) {
		for _, a := range parseConfig([]string{unvis(line)}).attachments {
			if !strings.Contains(a, " at ") {
				t.Errorf("attachment %q", a)
			}
		}
	})
}
