// Package agent is the host's side of the guest's PID 1: the program itself,
// embedded or built when it is first needed, and the line to it once it runs.
// What both sides agree on is in agent/wire, what runs in the guest is
// agent/guest.
package agent

//go:generate go run ./gen
