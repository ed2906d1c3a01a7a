package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// A finding is one line of doctor.
type finding struct {
	Level string `json:"level"` // "ok", "info", "slow" or "fail"
	Text  string `json:"text"`
}

// Levels of a finding.
const (
	levelOK   = "ok"
	levelInfo = "info"
	levelSlow = "slow"
	levelFail = "fail"
)

func newDoctor(a *app) *cobra.Command {
	var asJSON, offline bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Tell what this host can do, and what to mend",
		Long: `Tell what this host can do: QEMU, its accelerator (proven by running a tiny
guest), memory, disk, kernels, packages and mirrors, each problem with its
remedy. It exits with 1 if something that run needs is missing.`,
		Example: `  fakecracker doctor
  fakecracker doctor --offline --json`,
		GroupID: "host",
		Args:    exactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			fs, err := a.examine(c.Context(), offline)
			if err != nil {
				return err
			}
			if asJSON {
				err = a.printJSON(fs)
			} else {
				err = printFindings(a.out, fs)
			}
			if err != nil {
				return err
			}
			return verdict(fs)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&offline, "offline", false, "do not ask the mirrors")
	return c
}

// examine makes all checks, in the order of how much depends on them.
func (a *app) examine(ctx context.Context, offline bool) ([]finding, error) {
	home, err := a.home()
	if err != nil {
		return nil, err
	}
	d := &doctor{home: home}
	d.qemu(ctx)
	d.accel(ctx)
	d.tools()
	d.memory()
	d.disk()
	d.tap()
	d.kernels(a.kernelStore(home))
	if !offline {
		d.mirrors(ctx, a.getenv(servers()["mirror"]))
	}
	return d.findings, nil
}

func printFindings(w io.Writer, fs []finding) error {
	for _, f := range fs {
		if _, err := fmt.Fprintf(w, "%-5s %s\n", f.Level, f.Text); err != nil {
			return err
		}
	}
	return nil
}

// verdict fails when something is missing that run needs.
func verdict(fs []finding) error {
	var n int
	for _, f := range fs {
		if f.Level == levelFail && !strings.HasPrefix(f.Text, "mirror ") {
			n++
		}
	}
	if n > 0 {
		return fmt.Errorf("doctor: %d problem(s) to mend", n)
	}
	return nil
}
