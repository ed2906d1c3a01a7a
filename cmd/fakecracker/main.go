// Fakecracker turns a small description of a service into a NetBSD or Linux
// microVM that answers in milliseconds.
package main

import (
	"context"
	"os"

	"github.com/fakecracker/fakecracker/internal/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
