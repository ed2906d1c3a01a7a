package cli

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/internal/atomicfile"
	"github.com/fakecracker/fakecracker/internal/kernel"
)

func newKernelConfig(a *app) *cobra.Command {
	var o kernel.ConfigOptions
	var out string
	c := &cobra.Command{
		Use:   "config",
		Short: "Write a minimal NetBSD kernel configuration, every line with its reason",
		Long: `Write a minimal NetBSD kernel configuration for a microVM, every line with its
reason: i386 as in the article (MULTIBOOT, virtio over PCI), amd64 as NetBSD's
MICROVM (PVH, virtio over MMIO). With --src, only what that source tree declares
is written, and what was left out is said.

Features for --with:
` + featureList(),
		Example: `  fakecracker kernel config --arch i386 > FIRECRACKER
  fakecracker kernel config --arch amd64 --with ipv6,nfs --src ~/src/netbsd -o MICRO`,
		Args: exactArgs(0),
		RunE: func(*cobra.Command, []string) error {
			var text bytes.Buffer
			report, err := kernel.Config(&text, o)
			if err != nil {
				return err
			}
			for _, l := range report.LeftOut {
				fmt.Fprintf(a.err, "left out: %s: %s\n", l.Line, l.Why)
			}
			for _, p := range report.Problems {
				fmt.Fprintf(a.err, "problem: %s\n", p)
			}
			if out != "" {
				return atomicfile.WriteFile(out, text.Bytes(), 0o644)
			}
			_, err = a.out.Write(text.Bytes())
			return err
		},
	}
	c.Flags().StringVar(&o.Arch, "arch", "i386", "i386 or amd64")
	c.Flags().StringSliceVar(&o.With, "with", nil, "more `FEATURES`, separated by commas")
	c.Flags().StringVar(&o.Src, "src", "", "a NetBSD source `TREE` to fit the configuration to")
	c.Flags().StringVarP(&out, "output", "o", "", "write to a `FILE`, not to standard output")
	return c
}

func featureList() string {
	var b strings.Builder
	for _, f := range kernel.Features() {
		fmt.Fprintf(&b, "  %-10s %s\n", f.Name, f.Text)
	}
	return strings.TrimRight(b.String(), "\n")
}
