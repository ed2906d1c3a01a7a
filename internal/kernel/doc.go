// Package kernel knows kernels: what a file is and whether QEMU can start it,
// the store of those at hand, where others are fetched from, and how one is
// configured and built from a NetBSD source tree.
//
// The formats it reads are ELF (System V ABI, gABI chapters 4 and 5), the
// Multiboot 1 header (Multiboot Specification 0.6.96, section 3.1), Xen's PVH
// note (xen/include/public/elfnote.h), the Linux/x86 boot protocol
// (Documentation/arch/x86/boot.rst) and what config(1) embeds in a NetBSD
// kernel (options INCLUDE_CONFIG_FILE).
package kernel
