// Package examples holds the examples of this folder for the program that
// writes them out: each is a ship that builds and runs as it stands.
package examples

import (
	"embed"
	"io/fs"
)

// content is all that examples consist of. What is built in their folders is
// not among it.
//
//go:embed nginx article static/main.go static/ship.conf static/ships
//go:embed go/main.go go/ship.conf caddy redis cgi dockerfile smolerfile
var content embed.FS

// An Example is one of the folders here.
type Example struct {
	Name string // the folder's, "nginx"
	Text string // what it is, in a line

	// Build is the command that makes what the example's definition takes
	// from the host, to be run in its folder; "" where nothing is to be made.
	Build string
	// Flags are those of run without which the example is of no use.
	Flags string
}

// All returns the examples, the one to begin with first.
func All() []Example {
	return []Example{
		{"nginx", "nginx from packages, with its configuration and a page", "", "-p 8080:80"},
		{"static", "a static web server of one program, without sets and packages", goBuild("static"), "-p 8080:80"},
		{"go", "a Go program as a service, with settings", goBuild("hello"), "-p 8080:80 -e GREETING=Moin"},
		{"caddy", "Caddy, which serves a folder", "", "-p 8080:80"},
		{"redis", "Redis, the same ship for both systems", "", "-p 6379:6379"},
		{"cgi", "a program that reads a request, answers and ends", "", "-q -e QUERY_STRING=name=you"},
		{"article", "a ship with its own init and /etc/rc, in sailor's variables", "", "--subnet 192.168.2.0/24 -p 8080:80"},
		{"dockerfile", "nginx on NetBSD as a Dockerfile of two stages", "", "-p 8080:80"},
		{"smolerfile", "nginx on NetBSD as a SMOLerfile, with smolBSD's labels", "", "-p 8080:80"},
	}
}

// goBuild is the command that builds main.go for the default guest.
func goBuild(program string) string {
	return "GOOS=netbsd GOARCH=386 CGO_ENABLED=0 go build -o " + program + " main.go"
}

// Files returns the example's files, by their paths in its folder. Modes are
// not kept: what starts with #! is to be executable.
func (e Example) Files() (fs.FS, error) { return fs.Sub(content, e.Name) }
