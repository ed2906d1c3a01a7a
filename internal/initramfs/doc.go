// Package initramfs writes the archive of files that a Linux kernel unpacks
// into memory before it starts /init: cpio in the "newc" format of the
// kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
package initramfs
