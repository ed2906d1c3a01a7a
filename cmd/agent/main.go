//go:build linux || netbsd

// Command agent is the first process of a guest that brings no init of its
// own. The host's program builds and embeds it; see internal/agent.
package main

import "github.com/fakecracker/fakecracker/internal/agent/guest"

func main() { guest.Main() }
