//go:build !netbsd

package main

// kernelCommands are those that need NetBSD's kernel: none of them elsewhere.
func kernelCommands() map[string]command { return nil }
