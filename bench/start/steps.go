package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/bench/samples"
)

// compareSteps measures what further steps of a build cost where there are many
// files already: a build with one step that needs no guest beside one with many,
// and one of what has not changed, in turns.
func compareSteps(command string, rounds, files, steps int) error {
	dir, err := os.MkdirTemp("", "steps")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := fill(filepath.Join(dir, "context", "files"), files); err != nil {
		return err
	}
	b := builder{command: command, dir: dir}
	if _, err := b.build(1, -1); err != nil { // what all have in common is kept now
		return err
	}
	var one, many, none samples.Times
	for round := range rounds {
		for _, side := range []struct {
			times *samples.Times
			steps int
		}{{&one, 1}, {&many, steps}, {&none, steps}} { // the last finds what the one before it made
			took, err := b.build(side.steps, round)
			if err != nil {
				return err
			}
			*side.times = append(*side.times, took)
		}
	}
	fmt.Printf("%d files, %s build -q\n", files, command)
	fmt.Printf("%-30s %s\n", "1 step", one)
	fmt.Printf("%-30s %s, ratio %.3f\n", fmt.Sprintf("%d steps", steps), many, many.Ratio(one))
	fmt.Printf("%-30s %s, ratio %.3f\n", "nothing changed", none, none.Ratio(one))
	fmt.Printf("a further step: %.2f ms\n", float64(many.Median()-one.Median())/float64(steps-1)/float64(time.Millisecond))
	return nil
}

// fill makes so many small files, a hundred in a folder.
func fill(dir string, files int) error {
	for n := range files {
		sub := filepath.Join(dir, fmt.Sprint(n/10000), fmt.Sprint(n/100%100))
		if n%100 == 0 {
			if err := os.MkdirAll(sub, 0o755); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprint(n%100)), []byte(strings.Repeat(sub, 4)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// A builder builds one context by several definitions.
type builder struct {
	command string
	dir     string
}

// build builds the definition with so many steps. Another round has others.
func (b builder) build(steps, round int) (time.Duration, error) {
	text := "FROM scratch\nCOPY . /files\n"
	for n := range steps {
		text += fmt.Sprintf("RUN printf 'round %d\\n' > /files/step%d\n", round, n)
	}
	def := filepath.Join(b.dir, fmt.Sprintf("Dockerfile.%d", steps))
	if err := os.WriteFile(def, []byte(text), 0o644); err != nil {
		return 0, err
	}
	c := exec.Command(b.command, "build", "-q", "--guest", "linux", "-f", def, filepath.Join(b.dir, "context"))
	c.Env = append(os.Environ(), "FAKECRACKER_HOME="+filepath.Join(b.dir, "home"))
	begin := time.Now()
	if out, err := c.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", c, err, out)
	}
	return time.Since(begin), nil
}
