// Package guest is the program that is PID 1 in a guest that brings no init
// of its own. It reads the configuration disk, mounts the root and what
// belongs into it, brings the network up, answers the host on the line,
// starts the one service, reaps orphans, and ends the guest when the service
// has ended or the host asks for it. It is quiet on the console unless
// something is wrong.
//
// It imports the standard library and agent/wire only. What it relies on in
// NetBSD is written down in the project's notes on NetBSD guests, which cite
// sys/syscall.h, net/if.h, net/route.h and sys/mount.h; on Linux it is
// mount(2), netdevice(7), rtnetlink's older ioctls and finit_module(2).
package guest
