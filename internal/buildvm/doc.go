// Package buildvm runs the steps of a build in a microVM that is booted from
// the tree being built, by the agent, and reads back what they leave.
//
// The guest has a root disk for itself, derived from the tree with room for
// the steps to write, and no network beyond the agent's line, unless the job
// is to have one: then it reaches the outside, and not the host, and finds a
// name server in a resolv.conf that no image gets. Its files are read at a
// sync point after each step. On NetBSD the agent makes the root
// read-only for that, the host checks it as fsck_ffs(8) does and reads it
// through package ffs. On Linux the agent lists the root and writes the list,
// with the bytes of what was changed, as a tar archive to a disk of its own:
// unlike an overlay's upper layer that needs no module of the kernel, and
// hard links and renamed folders stay what they are.
//
// A file whose inode is as it was at the sync point before keeps its entry,
// with its origin and the place of its bytes. The bytes of others are put into
// a pack. What the boot itself needs (the agent, standard nodes, mount points)
// is there before the first step, and so never counts as changed.
package buildvm
