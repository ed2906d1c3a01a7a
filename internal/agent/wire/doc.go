// Package wire is what host and guest say to each other: the configuration
// disk that a guest reads at boot, and the line, a TCP connection to the
// guest's PID 1 on which host and guest prove to each other that they hold
// the same key and then exchange messages. It imports the standard library
// only, since it is part of the guest's program.
//
// All integers in records are big-endian.
package wire
