// Command services are the services that the tests' packages bring: a small
// nginx, caddy and redis-server, by the name that the program is started
// under. They understand as much of the originals' arguments, files and
// protocols as those packages use, and refuse the rest.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	if name == "services" && len(args) > 0 {
		name, args = args[0], args[1:]
	}
	if err := run(name, args); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

func run(name string, args []string) error {
	switch name {
	case "nginx":
		return nginx(args)
	case "caddy":
		return caddy(args)
	case "redis-server":
		return redis(args)
	}
	return errors.New("started under a name that is no service")
}
