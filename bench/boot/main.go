// Boot compares fakecracker with bare QEMU: the time from the start of the
// command to the service's first HTTP answer, with the same disk, kernel and
// device arguments (those of `run --dry-run`), the same prober and the runs
// interleaved. It refuses to print when an answer was wrong.
//
//	go run ./bench/boot [-n 10] [-bin bin/fakecracker] -- [run flags] SHIP
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/fakecracker/fakecracker/bench/samples"
)

// limit is how long one boot may take before the benchmark gives up.
const limit = 2 * time.Minute

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench/boot: ")
	rounds := flag.Int("n", 10, "runs of each side")
	bin := flag.String("bin", "bin/fakecracker", "the command under test")
	want := flag.String("want", "It works", "text that the answer must hold")
	flag.Parse()
	if flag.NArg() == 0 || *rounds < 1 {
		log.Fatal("usage: boot [-n N] [-bin FILE] [-want TEXT] -- [run flags] SHIP")
	}
	b := bench{bin: *bin, args: flag.Args(), want: *want}
	if err := b.run(*rounds); err != nil {
		log.Fatal(err)
	}
}

// A bench is what both sides share.
type bench struct {
	bin  string
	args []string // of run: flags and the ship
	want string
}

// A side is one of the two that are compared.
type side struct {
	name    string
	command string // for people
	start   func(ctx context.Context, port string) *exec.Cmd
	times   samples.Times
}

func (b bench) run(rounds int) error {
	bare, err := b.bareCommand("PORT")
	if err != nil {
		return err
	}
	sides := []*side{
		{name: "fakecracker", command: strings.Join(b.command("PORT"), " "), start: b.ours},
		{name: "bare qemu", command: bare, start: b.bare},
	}
	for round := range rounds + 1 { // the first warms the caches and is not counted
		for _, s := range sides {
			t, err := b.once(s)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", s.name, round, err)
			}
			if round > 0 {
				s.times = append(s.times, t)
			}
		}
	}
	for _, s := range sides {
		fmt.Printf("%s\n  %s\n  %s\n", s.name, s.command, s.times)
	}
	fmt.Printf("ratio fakecracker / bare: %.3f (medians)\n", sides[0].times.Ratio(sides[1].times))
	return nil
}

// once boots one side, waits for its answer, and ends it.
func (b bench) once(s *side) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	port, err := freePort()
	if err != nil {
		return 0, err
	}
	cmd := s.start(ctx, port)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	body, err := firstAnswer(ctx, "127.0.0.1:"+port)
	took := time.Since(begin)
	stopErr := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	_ = cmd.Wait() // it was killed
	if err != nil {
		return 0, fmt.Errorf("%w\n%s", err, tail(output.String()))
	}
	if !strings.Contains(body, b.want) {
		return 0, fmt.Errorf("wrong answer: %q does not hold %q", body, b.want)
	}
	return took, stopErr
}

func (b bench) command(port string) []string {
	return append([]string{b.bin, "run", "-p", "127.0.0.1:" + port + ":80"}, b.args...)
}

func (b bench) ours(ctx context.Context, port string) *exec.Cmd {
	c := b.command(port)
	return exec.CommandContext(ctx, c[0], c[1:]...)
}

// bareCommand asks for the QEMU command of the same run.
func (b bench) bareCommand(port string) (string, error) {
	if port == "PORT" {
		port = "1"
	}
	args := append([]string{"run", "--dry-run", "-p", "127.0.0.1:" + port + ":80"}, b.args...)
	var stderr bytes.Buffer
	c := exec.Command(b.bin, args...)
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", b.bin, strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// bare starts QEMU by the shell's exec, so that nothing of ours is between.
// The command is asked for before the clock starts.
func (b bench) bare(ctx context.Context, port string) *exec.Cmd {
	line, err := b.bareCommand(port)
	if err != nil {
		line = "exit 1"
	}
	return exec.CommandContext(ctx, "/bin/sh", "-c", "exec "+line)
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	return port, l.Close()
}

// tail is the end of a failed side's output.
func tail(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
