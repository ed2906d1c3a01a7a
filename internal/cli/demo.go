package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fakecracker/fakecracker/internal/instance"
	"github.com/fakecracker/fakecracker/internal/network"
)

// answerLimit is how long the demo waits for the guest's answer.
const answerLimit = 2 * time.Minute

func newDemo(a *app) *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "demo [flags] SHIP",
		Short: "Boot a ship, show its answer and where the time went, and end it",
		Long: `Boot a ship that serves HTTP on port 80, fetch its front page, print the time
line of the boot and the answer, and end it cleanly. Nothing is left running.
The flags are those of run.`,
		Example: "  fakecracker demo --guest linux examples/nginx",
		GroupID: "vm",
		Args:    exactArgs(1),
		RunE:    f.with(a, (*runner).demo),
	}
	f.declare(c)
	return c
}

// demo runs the ship on a free port, without its console.
func (r *runner) demo(ctx context.Context) error {
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	r.publish = append(r.publish, network.Publish{Host: netip.AddrPortFrom(loopback, 0), Guest: 80})
	r.console = io.Discard
	return r.retry(ctx, r.demoOnce)
}

func (r *runner) demoOnce(ctx context.Context) error {
	inst, err := r.start(ctx)
	if err != nil {
		return interrupted(ctx, err)
	}
	if err = r.show(ctx, inst); errors.Is(err, instance.ErrEnded) {
		s := &session{runner: r, instance: inst}
		if err := s.judge(inst.Wait()); err != nil {
			return err
		}
	}
	begun := time.Now()
	how := inst.Stop(context.WithoutCancel(ctx))
	if err != nil {
		return interrupted(ctx, err)
	}
	r.status.line("stopped", "by %s in %s; nothing is left running", how, formatElapsed(time.Since(begun)))
	return nil
}

// show waits for the service, and prints its answer and the time line.
func (r *runner) show(ctx context.Context, inst *instance.Instance) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answerLimit, errors.New("the service did not answer in time"))
	defer cancel()
	if err := inst.Ready(ctx); err != nil {
		return err
	}
	ports := inst.Ports()
	url := fmt.Sprintf("http://%s/", ports[len(ports)-1].Addr())
	answer, err := get(ctx, url)
	if err != nil {
		return err
	}
	out := r.app.out
	fmt.Fprintf(out, "\nTime line, from the built ship on:\n")
	t := newTable(out)
	for _, s := range inst.Times().Steps() {
		at := ""
		if s.At > 0 {
			at = fmt.Sprintf("%6d ms", s.At.Milliseconds())
		}
		t.row("  "+s.Text, at)
	}
	if err := t.flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\nGET %s\n%s\nTo stay with it: %s run -p 8080:80 %s   (Ctrl-C stops it)\n\n", url, indent(answer), os.Args[0], r.again())
	return err
}

// again is the ship and the flags that make the same guest.
func (r *runner) again() string {
	var words []string
	if r.flags.guest != "" {
		words = append(words, "--guest "+r.flags.guest)
	}
	if r.flags.kernel != "" {
		words = append(words, "--kernel "+r.flags.kernel)
	}
	return strings.Join(append(words, r.ship), " ")
}

// get returns an answer as a person reads it: status, headers that say who
// answered, and the beginning of the body.
func get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 2000))
	if err != nil {
		return "", fmt.Errorf("read the answer of %s: %w", url, err)
	}
	head := res.Proto + " " + res.Status + "\n"
	for _, name := range []string{"Server", "Content-Type"} {
		if v := res.Header.Get(name); v != "" {
			head += name + ": " + v + "\n"
		}
	}
	return head + "\n" + strings.TrimSpace(string(body)), nil
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(s, "\n", "\n  ") + "\n"
}
