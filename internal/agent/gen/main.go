// Command gen builds the guest's program for all targets into the dist folder
// that the agent package embeds. go generate runs it in that package.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/fakecracker/fakecracker/internal/agent"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := agent.Generate(ctx, "dist"); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		stop()
		os.Exit(1)
	}
}
