// Start measures what a command costs that does next to nothing, beside
// /bin/true in the same run: the time from its start to its end.
//
//	go run ./bench/start [-n 40] COMMAND...
package main

import (
	"flag"
	"fmt"
	"log"
	"os/exec"
	"slices"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench/start: ")
	rounds := flag.Int("n", 40, "runs of each side")
	flag.Parse()
	if flag.NArg() == 0 || *rounds < 1 {
		log.Fatal("usage: start [-n N] COMMAND...")
	}
	sides := [][]string{flag.Args(), {"/bin/true"}}
	times := make([][]time.Duration, len(sides))
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
		slices.Sort(times[n])
		fmt.Printf("%-30s median %.1f ms, %.1f to %.1f ms, %d runs\n", strings.Join(s, " "),
			ms(times[n][len(times[n])/2]), ms(times[n][0]), ms(times[n][len(times[n])-1]), *rounds)
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
