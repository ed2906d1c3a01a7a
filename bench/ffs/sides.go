package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fakecracker/fakecracker/bench/samples"
)

// A comparison is of all that can be made of one tree.
type comparison struct{ tree, work, bin string }

// A side is one of those that are compared.
type side struct {
	name    string
	command []string
	image   string // what it makes
	inside  bool   // it prints how long the call in question took
	theirs  bool   // what it makes is not for us to answer for

	times  samples.Times
	memory int64 // most that was resident, bytes
	size   int64 // of the image
}

// sides are the ones for the comparison: makefs with the options that are
// ours, its own for the package and the command alike, so that all make the
// same file system.
func (c comparison) sides(beside string) []*side {
	self := os.Args[0]
	out := func(name string) string { return filepath.Join(c.work, name) }
	options := []string{"-t", "ffs", "-o", "version=2"}
	sides := []*side{
		{name: "package ffs", image: out("package.img"), inside: true, command: []string{self, "child", "image", c.tree, out("package.img")}},
		{name: "fakecracker makefs", image: out("ours.img"), command: append(append([]string{c.bin, "makefs"}, options...), out("ours.img"), c.tree)},
		{name: "makefs", image: out("theirs.img"), theirs: true, command: append(append([]string{"makefs"}, options...), out("theirs.img"), c.tree)},
	}
	switch beside {
	case copyRange:
		sides = append(sides, &side{name: beside, image: out("copy"), inside: true, command: []string{self, "child", "copy", filepath.Join(c.tree, "file"), out("copy")}})
	case copyTool:
		sides = append(sides, &side{name: beside, image: out("copy"), command: []string{"cp", "-a", c.tree, out("copy")}})
	}
	return sides
}

func (c comparison) run(rounds int, beside string) error {
	sides := c.sides(beside)
	for round := range rounds + 1 { // the first warms the caches and is not counted
		// What one leaves behind slows the next: each has another before it.
		order := rand.New(rand.NewPCG(uint64(round), 0)).Perm(len(sides))
		for _, i := range order {
			s := sides[i]
			t, err := s.once()
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			switch {
			case round > 0:
				s.times = append(s.times, t)
			case s.theirs:
				// Debian's makefs leaves out inodes of large trees in an
				// FFSv2 of small blocks: said, since it can't be helped.
				if e := c.compare(s); e != nil {
					fmt.Printf("%s: %v\n", s.name, e)
				}
			default:
				err = c.compare(s)
			}
			if e := os.RemoveAll(s.image); err == nil {
				err = e
			}
			unix.Sync() // what is left to be written would slow the next
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	for _, s := range sides {
		fmt.Printf("%-20s %s; at most %d MB resident; %d bytes\n  %s\n", s.name, s.times, s.memory>>20, s.size, strings.Join(s.command, " "))
	}
	for _, s := range sides[:2] {
		for _, other := range sides[2:] {
			fmt.Printf("%s / %s: %.2f\n", s.name, other.name, s.times.Ratio(other.times))
		}
	}
	fmt.Println()
	return nil
}

// compare reads back what the side made, in a process of its own: what is
// resident in this one would be counted for those that it starts.
func (c comparison) compare(s *side) error {
	if !strings.HasSuffix(s.image, ".img") {
		return nil
	}
	out, err := exec.Command(os.Args[0], "child", "compare", c.tree, s.image).CombinedOutput()
	if err != nil {
		return fmt.Errorf("its image is not right: %s", strings.TrimSpace(string(out)))
	}
	return nil
}

// once runs the side and returns how long it took.
func (s *side) once() (time.Duration, error) {
	var out, said bytes.Buffer
	cmd := exec.Command(s.command[0], s.command[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &said
	begin := time.Now()
	err := cmd.Run()
	took := time.Since(begin)
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, said.String())
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.memory = max(s.memory, usage.Maxrss<<10)
	}
	if fi, err := os.Stat(s.image); err == nil && fi.Mode().IsRegular() {
		s.size = fi.Size()
	}
	if !s.inside {
		return took, nil
	}
	return time.ParseDuration(strings.TrimSpace(out.String()))
}
