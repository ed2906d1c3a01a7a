// Command gen writes the tree of the tests' mirror of NetBSD, or serves one:
//
//	go run ./test/mirror/gen -o DIR [-serve]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/fakecracker/fakecracker/test/mirror"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	out := flag.String("o", "", "folder that the tree is written to")
	arches := flag.String("arch", "", "architectures, with commas between (default: all)")
	serve := flag.Bool("serve", false, "serve it until interrupted")
	flag.Parse()
	if *out == "" {
		return fmt.Errorf("-o DIR is needed")
	}
	o := mirror.Options{}
	if *arches != "" {
		o.Arches = strings.Split(*arches, ",")
	}
	if err := mirror.Write(ctx, *out, o); err != nil {
		return err
	}
	if !*serve {
		return nil
	}
	s, err := mirror.Serve(*out)
	if err != nil {
		return err
	}
	fmt.Println(s.URL())
	<-ctx.Done()
	return s.Close()
}
