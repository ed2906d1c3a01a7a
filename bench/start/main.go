// Start measures what a command costs that does next to nothing, beside
// /bin/true in the same run: the time from its start to its end. With -steps it
// measures what steps of a build cost that do next to nothing.
//
//	go run ./bench/start [-n 40] COMMAND...
//	go run ./bench/start [-n 40] -steps 30 [-files 70000] FAKECRACKER
package main

import (
	"flag"
	"fmt"
	"log"
	"os/exec"
	"strings"
	"time"

	"github.com/fakecracker/fakecracker/bench/samples"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench/start: ")
	rounds := flag.Int("n", 40, "runs of each side")
	steps := flag.Int("steps", 0, "of a build, beside one with a single step")
	files := flag.Int("files", 70000, "that the build copies first")
	flag.Parse()
	if flag.NArg() == 0 || *rounds < 1 || *files < 1 || *steps > 0 && (*steps < 2 || flag.NArg() > 1) {
		log.Fatal("usage: start [-n N] COMMAND..., or start [-n N] -steps N [-files N] FAKECRACKER")
	}
	if *steps > 0 {
		if err := compareSteps(flag.Arg(0), *rounds, *files, *steps); err != nil {
			log.Fatal(err)
		}
		return
	}
	sides := [][]string{flag.Args(), {"/bin/true"}}
	times := make([]samples.Times, len(sides))
	for range *rounds {
		for n, s := range sides {
			begin := time.Now()
			if err := exec.Command(s[0], s[1:]...).Run(); err != nil {
				log.Fatalf("%s: %v", strings.Join(s, " "), err)
			}
			times[n] = append(times[n], time.Since(begin))
		}
	}
	for n, s := range sides {
		fmt.Printf("%-30s %s\n", strings.Join(s, " "), times[n])
	}
}
